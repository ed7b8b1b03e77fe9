package web

import (
	"embed"
	"io/fs"
	"net/http"
)

// pageFiles are the plain page at "/". It is its own origin's client like any other:
// nothing in it is known to the server.
//
//go:embed page/*.html page/*.css page/*.js
var pageFiles embed.FS

// page serves the page's files. They are small, and asked for again each time, so
// that a new server's page is never mixed with an old one's.
func (s *Server) page() http.Handler {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil { // the path above is not one
		panic(err)
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := fs.Stat(files, name(r.URL.Path)); err != nil {
			s.notFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		server.ServeHTTP(w, r)
	})
}

func name(path string) string {
	if path == "/" {
		return "index.html"
	}
	return path[1:]
}
