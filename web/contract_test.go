package web_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/require"
)

// contract is openapi.yaml with its schemas closed, so that a field which it does
// not describe is a failure too.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

var loadContract = sync.OnceValues(func() (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(openapi3.NewLoader().Context); err != nil {
		return nil, err
	}
	for _, s := range doc.Components.Schemas {
		closeSchema(s)
	}
	for _, r := range doc.Components.Responses {
		closeContent(r.Value.Content)
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, r := range op.Responses.Map() {
				closeContent(r.Value.Content)
			}
		}
	}
	router, err := legacy.NewRouter(doc)
	return &contract{doc, router}, err
})

func closeContent(c openapi3.Content) {
	for _, m := range c {
		closeSchema(m.Schema)
	}
}

func closeSchema(ref *openapi3.SchemaRef) {
	if ref == nil || ref.Value == nil || ref.Value.AdditionalProperties.Has != nil {
		return
	}
	s := ref.Value
	closeSchema(s.Items)
	if len(s.Properties) > 0 {
		no := false
		s.AdditionalProperties.Has = &no
	}
	for _, p := range s.Properties {
		closeSchema(p)
	}
}

// check holds an answer against the contract and returns "METHOD path status" of
// what it is there, or "" for a route that the contract does not know.
func (c *contract) check(t testing.TB, req *http.Request, res *httptest.ResponseRecorder) string {
	t.Helper()
	asked := req.Clone(req.Context())
	if asked.Method == http.MethodHead {
		asked.Method = http.MethodGet
	}
	asked.URL.Scheme, asked.URL.Host = "", ""
	route, params, err := c.router.FindRoute(asked)
	if err != nil {
		return ""
	}
	// The router of kin-openapi takes /x/ for /x.
	if res.Code == http.StatusMethodNotAllowed || req.Method == http.MethodHead || strings.HasSuffix(req.URL.Path, "/") {
		return ""
	}
	err = openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route},
		Status:                 res.Code,
		Header:                 res.Header(),
		Body:                   io.NopCloser(bytes.NewReader(res.Body.Bytes())),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	})
	require.NoError(t, err, "%s %s: the answer is not what openapi.yaml says:\n%d %s", req.Method, req.URL, res.Code, res.Body)
	return fmt.Sprintf("%s %s %d", req.Method, route.Path, res.Code)
}

// promised lists all "METHOD path status" of the contract.
func (c *contract) promised() (list []string) {
	for path, item := range c.doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status := range op.Responses.Map() {
				list = append(list, strings.ToUpper(method)+" "+path+" "+status)
			}
		}
	}
	sort.Strings(list)
	return list
}
