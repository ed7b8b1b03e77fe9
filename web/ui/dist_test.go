package ui_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/web/ui"
)

// budget is what a browser has to load, by gzip, before the app is there, of somebody who
// is signed in: at 1.6 Mbit/s less than a second.
const budget = 150_000

var (
	scriptTag    = regexp.MustCompile(`<script[^>]*\ssrc="/([^"]+)"`)
	chat         = regexp.MustCompile(`^assets/SignedIn-[^/]+\.js$`) // the entry loads it at once, by import()
	preloadTag   = regexp.MustCompile(`<link[^>]*\srel="modulepreload"[^>]*\shref="/([^"]+)"`)
	staticImport = regexp.MustCompile("\\b(?:from|import)\\s*[\"'`](\\.{0,2}/[^\"'`]+)[\"'`]")
)

// TestUI_budget: what is wanted later is loaded later.
func TestUI_budget(t *testing.T) {
	committed, err := fs.Sub(ui.Dist, "dist")
	require.NoError(t, err)
	files := contents(t, committed)
	total := 0
	initial := initialScripts(t, files)
	require.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(initial)), chat.MatchString), "the chat's chunk has another name now")
	for _, name := range slices.Sorted(maps.Keys(initial)) {
		n := gzipped(t, files[name])
		total += n
		t.Logf("%-40s %6.1f KB, gzip %6.1f KB", name, float64(len(files[name]))/1000, float64(n)/1000)
	}
	t.Logf("initial JavaScript: %.1f KB by gzip of %d KB", float64(total)/1000, budget/1000)
	require.LessOrEqual(t, total, budget, "load with import() what is not needed at once")
}

// initialScripts are those that index.html names, the chat, and what they import.
func initialScripts(t *testing.T, files map[string][]byte) map[string]bool {
	t.Helper()
	index := string(files["index.html"])
	var next []string
	for _, m := range append(scriptTag.FindAllStringSubmatch(index, -1), preloadTag.FindAllStringSubmatch(index, -1)...) {
		next = append(next, m[1])
	}
	require.NotEmpty(t, next, "index.html names no script")
	for name := range files {
		if chat.MatchString(name) {
			next = append(next, name)
		}
	}
	found := map[string]bool{}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		if found[name] {
			continue
		}
		require.Contains(t, files, name, "a script that is not in dist")
		found[name] = true
		for _, m := range staticImport.FindAllStringSubmatch(string(files[name]), -1) {
			if strings.HasPrefix(m[1], "/") {
				next = append(next, m[1][1:])
			} else {
				next = append(next, path.Join(path.Dir(name), m[1]))
			}
		}
	}
	return found
}

func gzipped(t *testing.T, b []byte) int {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression) // as web serves it
	require.NoError(t, err)
	_, err = w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Len()
}

func TestUI_initialScriptsAreFoundThroughImports(t *testing.T) {
	files := map[string][]byte{
		"index.html":  []byte(`<script type="module" crossorigin src="/assets/a.js"></script><link rel="modulepreload" crossorigin href="/assets/b.js">`),
		"assets/a.js": []byte("import{x as y}from\"./c.js\";import'./d.js';const later=()=>import(\"./later.js\");"),
		"assets/b.js": nil, "assets/c.js": []byte("export*from`./e.js`;"), "assets/d.js": nil, "assets/e.js": nil, "assets/later.js": nil,
		"assets/SignedIn-x.js": []byte(`import"./f.js"`), "assets/f.js": nil,
	}
	require.Equal(t, []string{"assets/SignedIn-x.js", "assets/a.js", "assets/b.js", "assets/c.js", "assets/d.js", "assets/e.js", "assets/f.js"},
		slices.Sorted(maps.Keys(initialScripts(t, files))))
}

// named are the URLs of other hosts that may stand in the files: nobody asks for them.
var named = []struct{ ext, prefix, why string }{
	{".js", "http://www.w3.org/", "names of XML namespaces"},
	{".svg", "http://www.w3.org/", "names of XML namespaces"},
	{".js", "https://react.dev/errors/", "a text of React's errors"},
	{".js", "https://redux.js.org/Errors", "a text of Redux's errors"},
	{".js", "https://redux-toolkit.js.org/Errors", "a text of Redux's errors"},
	{".js", "https://bit.ly/3cXEKWf", "a text of Redux's warnings"},
	{".js", "https://github.com/highlightjs/highlight.js/", "a text of highlight.js's warnings"},
	{".css", "https://tailwindcss.com", "the licence, in a comment"},
}

var (
	otherHost    = regexp.MustCompile("(?i)\\b(?:https?|wss?)://[a-z0-9\\[][^\\s\"'`)<>\\\\]*")
	withoutRoute = regexp.MustCompile(`(?i)(?:(?:src|href|srcset|action)\s*=\s*["']?|url\(\s*["']?|@import\s+["'])\s*//`)
)

// TestUI_namesNoOtherHost: the app works without any other host, and tells none of us.
func TestUI_namesNoOtherHost(t *testing.T) {
	committed, err := fs.Sub(ui.Dist, "dist")
	require.NoError(t, err)
	for name, b := range contents(t, committed) {
		for _, url := range hostsIn(name, string(b)) {
			t.Errorf("%s names %s", name, url)
		}
	}
	require.Equal(t, []string{"https://evil.example/x", "wss://evil.example"},
		hostsIn("a.js", `"https://evil.example/x"+"http://www.w3.org/2000/svg"+"wss://evil.example"+"ws://${host}"`))
	require.Equal(t, []string{"http://www.w3.org/x"}, hostsIn("a.html", `<a href="http://www.w3.org/x">`))
	require.Equal(t, []string{"url(//"}, hostsIn("a.css", `a{background:url(//evil.example)}`))
}

func hostsIn(name, text string) (urls []string) {
	ext := path.Ext(name)
	if ext == ".png" || ext == ".ico" || ext == ".woff2" {
		return nil
	}
	for _, url := range otherHost.FindAllString(text, -1) {
		allowed := false
		for _, n := range named {
			allowed = allowed || n.ext == ext && strings.HasPrefix(url, n.prefix)
		}
		if !allowed {
			urls = append(urls, url)
		}
	}
	if ext == ".html" || ext == ".css" || ext == ".svg" {
		urls = append(urls, withoutRoute.FindAllString(text, -1)...)
	}
	return urls
}
