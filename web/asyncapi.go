package web

import (
	_ "embed"
	"net/http"
)

// asyncAPI describes the frames. Tests hold every frame against it.
//
//go:embed asyncapi.yaml
var asyncAPI []byte

func serveAsyncAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	_, _ = w.Write(asyncAPI) // the client is gone: there is nobody to tell
}
