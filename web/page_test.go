package web_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
	"confab/web/ui"
)

// distFiles returns the files of the app by the path where they are served.
func distFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, fs.WalkDir(ui.Dist, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(ui.Dist, name)
		files[strings.TrimPrefix(name, "dist")] = string(b)
		return err
	}))
	require.NotEmpty(t, files)
	return files
}

var typesByExt = map[string]string{
	".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json",
	".webmanifest": "application/manifest+json", ".svg": "image/svg+xml", ".png": "image/png",
	".ico": "image/x-icon", ".woff2": "font/woff2",
}

func TestPage_everyFileIsServed(t *testing.T) {
	r := newRig(t)
	for name, content := range distFiles(t) {
		plain := r.ask("GET", name, "").ok(http.StatusOK)
		require.Equal(t, content, plain.raw, name)
		kind := typesByExt[path.Ext(name)]
		require.NotEmpty(t, kind, name)
		require.Equal(t, kind, strings.Split(plain.header.Get("Content-Type"), ";")[0], name)
		require.Empty(t, plain.header.Get("Content-Encoding"), name)

		packed := r.ask("GET", name, "", header("Accept-Encoding", "gzip, deflate, br")).ok(http.StatusOK)
		require.Equal(t, plain.header.Get("Cache-Control"), packed.header.Get("Cache-Control"), name)
		if packed.header.Get("Content-Encoding") == "" {
			require.Contains(t, []string{".png", ".ico", ".woff2"}, path.Ext(name), name)
			continue
		}
		require.Equal(t, content, unzipped(t, packed.raw), name)
		require.NotEqual(t, plain.header.Get("ETag"), packed.header.Get("ETag"), name)
		for _, a := range []reply{plain, packed} {
			require.Equal(t, "Accept-Encoding", a.header.Get("Vary"), name)
		}
	}
}

func unzipped(t *testing.T, s string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(s))
	require.NoError(t, err)
	b, err := io.ReadAll(z)
	require.NoError(t, err)
	return string(b)
}

func TestPage_isAskedForAgainAndItsAssetsNever(t *testing.T) {
	r := newRig(t)
	for name := range distFiles(t) {
		a := r.ask("GET", name, "").ok(http.StatusOK)
		want := "no-cache"
		if strings.HasPrefix(name, "/assets/") {
			want = "public, max-age=31536000, immutable"
		}
		require.Equal(t, want, a.header.Get("Cache-Control"), name)
		for _, encoding := range []string{"", "gzip"} {
			first := r.ask("GET", name, "", header("Accept-Encoding", encoding))
			tag := first.header.Get("ETag")
			require.Regexp(t, `^"[0-9a-f]{32}(-gzip)?"$`, tag)
			again := r.ask("GET", name, "", header("Accept-Encoding", encoding), header("If-None-Match", tag)).ok(http.StatusNotModified)
			require.Empty(t, again.raw)
			require.Equal(t, tag, again.header.Get("ETag"))
			require.Equal(t, want, again.header.Get("Cache-Control"))
			r.ask("GET", name, "", header("Accept-Encoding", encoding), header("If-None-Match", `"another"`)).ok(http.StatusOK)
		}
	}
}

func TestPage_pathsOfTheApp(t *testing.T) {
	r := newRig(t)
	index := distFiles(t)["/index.html"]
	for _, path := range []string{"/", "/account", "/rooms/" + domain.NewID(), "/rooms/" + domain.NewID() + "/42", "/?x=1"} {
		a := r.ask("GET", path, "").ok(http.StatusOK)
		require.Equal(t, index, a.raw, path)
		require.Equal(t, "no-cache", a.header.Get("Cache-Control"), path)
	}
	for _, path := range []string{
		"/no/such/file", "/assets/unknown.js", "/assets/", "/assets", "/rooms", "/rooms/", "/rooms//x", "/account/", "/api", "/apix",
		"/../page.go", "/rooms/../page.go", "/rooms/%2e%2e/page.go", "/rooms/x/../../embed.go", "/assets/../index.html", "/assets/%2e%2e/index.html",
		"//index.html", "/dist/index.html", `/..\page.go`, "/%00", "/index.html/", "/INDEX.HTML", "/web/ui/src/main.tsx",
	} {
		a := r.ask("GET", path, "").problem(http.StatusNotFound, domain.CodeNotFound)
		require.Equal(t, "no-store", a.header.Get("Cache-Control"), path)
	}
	a := r.ask("POST", "/", "{}").problem(http.StatusMethodNotAllowed, domain.CodeInvalid)
	require.Equal(t, "GET, HEAD", a.header.Get("Allow"))
}

func TestPage_byHEADAndInParts(t *testing.T) {
	s := httptest.NewServer(newRig(t).server)
	defer s.Close()
	res, err := http.Head(s.URL + "/")
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NotEmpty(t, res.Header.Get("ETag"))
	require.EqualValues(t, len(distFiles(t)["/index.html"]), res.ContentLength)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Empty(t, body)

	a := newRig(t).ask("GET", "/", "", header("Range", "bytes=0-8")).ok(http.StatusPartialContent)
	require.Equal(t, "<!doctype", strings.ToLower(a.raw))
}

func TestPage_whoAcceptsGzip(t *testing.T) {
	r := newRig(t)
	for accept, want := range map[string]string{
		"gzip": "gzip", "br, GZIP;q=0.5": "gzip", "deflate,gzip ; q=1.0": "gzip",
		"": "", "br": "", "gzip;q=0": "", "gzip; q=0.000": "", "gzip;q=x": "", "xgzip": "", "identity": "",
	} {
		require.Equal(t, want, r.ask("GET", "/", "", header("Accept-Encoding", accept)).ok(http.StatusOK).header.Get("Content-Encoding"), accept)
	}
}

func TestPage_refusesWhatItCouldNotServe(t *testing.T) {
	file := &fstest.MapFile{Data: []byte("x")}
	require.NoError(t, web.CheckPage(fstest.MapFS{"index.html": file, "assets/_a.js": file}))
	require.ErrorContains(t, web.CheckPage(fstest.MapFS{"assets/a.js": file}), "not exist")
	require.ErrorContains(t, web.CheckPage(fstest.MapFS{"index.html": file, "a.wasm": file}), "a.wasm: no content type")
}

// TestPage_worksUnderItsPolicy: the Content-Security-Policy forbids inline scripts,
// styles and handlers. (That no file names another host is TestUI_namesNoOtherHost's.)
func TestPage_worksUnderItsPolicy(t *testing.T) {
	policy := newRig(t).ask("GET", "/", "").header.Get("Content-Security-Policy")
	for _, part := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "worker-src 'self'",
		"frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'", "trusted-types confab",
	} {
		require.Contains(t, strings.Split(policy, "; "), part)
	}
	index := distFiles(t)["/index.html"]
	require.NotRegexp(t, `(?i)\s(on[a-z]+|style)\s*=`, index)
	require.NotRegexp(t, `(?i)<style|javascript:|<base`, index)
	require.NotRegexp(t, `(?i)<script[^>]*>\s*[^\s<]`, index)
	for _, ref := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(index, -1) {
		require.Regexp(t, "^/[^/]", ref[1])
		newRig(t).ask("GET", ref[1], "").ok(http.StatusOK)
	}
}
