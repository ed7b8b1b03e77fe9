package web_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPage_isServedWithItsFiles(t *testing.T) {
	r := newRig(t)
	index := r.ask("GET", "/", "").ok(http.StatusOK)
	require.Contains(t, index.header.Get("Content-Type"), "text/html")
	refs := regexp.MustCompile(`(?:src|href)="([^":]+)"`).FindAllStringSubmatch(index.raw, -1)
	require.NotEmpty(t, refs)
	for _, ref := range refs {
		a := r.ask("GET", "/"+ref[1], "").ok(http.StatusOK)
		for _, imported := range regexp.MustCompile(`from "\./([^"]+)"`).FindAllStringSubmatch(a.raw, -1) {
			js := r.ask("GET", "/"+imported[1], "").ok(http.StatusOK)
			require.Contains(t, js.header.Get("Content-Type"), "javascript")
		}
	}
	r.ask("GET", "/no/such/file", "").problem(http.StatusNotFound, "not_found")
	r.ask("GET", "/../page.go", "").problem(http.StatusNotFound, "not_found")
	r.ask("POST", "/", "{}").problem(http.StatusMethodNotAllowed, "invalid")
}

// TestPage_worksUnderItsPolicy: the Content-Security-Policy forbids inline scripts,
// styles and handlers, and other hosts; and nothing that people wrote becomes markup.
func TestPage_worksUnderItsPolicy(t *testing.T) {
	files, err := os.ReadDir("page")
	require.NoError(t, err)
	for _, f := range files {
		text, err := os.ReadFile("page/" + f.Name())
		require.NoError(t, err)
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "http://", "https://", "<style", " style="} {
			require.NotContains(t, string(text), bad, f.Name())
		}
		if strings.HasSuffix(f.Name(), ".html") {
			require.NotRegexp(t, `(?i)\son[a-z]+=`, string(text), f.Name())
			require.NotRegexp(t, `(?i)<script[^>]*>[^<]`, string(text), f.Name())
		}
	}
}
