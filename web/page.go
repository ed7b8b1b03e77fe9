package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"confab/web/ui"
)

// contentTypes are those of the files that the page is made of. Not the machine's own
// list: what it lacks, browsers would refuse to run.
var contentTypes = map[string]string{
	".html":        "text/html; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".json":        "application/json",
	".webmanifest": "application/manifest+json",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".ico":         "image/x-icon",
	".woff2":       "font/woff2",
}

// packed are the types that are compressed already.
var packed = map[string]bool{".png": true, ".ico": true, ".woff2": true}

// pageFile is a file of the page, ready to be served.
type pageFile struct {
	contentType, cacheControl string
	plain                     []byte
	tag                       string                 // of its content; in quotes it is the ETag
	gzipped                   func() ([]byte, error) // nil: it does not get smaller
}

// page is the browser's app: the files of web/ui, by path.
type page map[string]pageFile

// builtPage is the app that this server was built with.
var builtPage = sync.OnceValues(func() (page, error) {
	files, err := fs.Sub(ui.Dist, "dist")
	if err != nil {
		return nil, err
	}
	return newPage(files)
})

func newPage(files fs.FS) (page, error) {
	p := page{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := newPageFile(files, name)
		p["/"+name] = f
		return err
	})
	if err == nil && p["/index.html"].plain == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("read the page's files: %w", err)
	}
	return p, nil
}

func newPageFile(files fs.FS, name string) (pageFile, error) {
	ext := path.Ext(name)
	contentType, ok := contentTypes[ext]
	if !ok {
		return pageFile{}, fmt.Errorf("%s: no content type is known for it", name)
	}
	b, err := fs.ReadFile(files, name)
	if err != nil {
		return pageFile{}, err
	}
	sum := sha256.Sum256(b)
	f := pageFile{contentType: contentType, cacheControl: "no-cache", plain: b, tag: hex.EncodeToString(sum[:16])}
	if strings.HasPrefix(name, "assets/") { // their names hold a hash of their content
		f.cacheControl = "public, max-age=31536000, immutable"
	}
	if !packed[ext] {
		f.gzipped = sync.OnceValues(func() ([]byte, error) { return compress(b) })
	}
	return f, nil
}

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	err = w.Close() // which writes the end
	return out.Bytes(), err
}

// at returns the file for a path. The app itself shows what is at the paths of rooms and
// of the account, so they have its first file.
func (p page) at(path string) (pageFile, bool) {
	inApp := path == "/" || path == "/account" || strings.HasPrefix(path, "/rooms/") && fs.ValidPath(path[1:])
	if inApp {
		path = "/index.html"
	}
	f, ok := p[path]
	return f, ok
}

// servePage serves the browser's app, and says not found where there is nothing.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	f, ok := s.page.at(r.URL.Path)
	if !ok {
		h.Set("Cache-Control", "no-store") // another node may have it, or this one soon
		s.notFound(w, r)
		return
	}
	body, tag := f.plain, f.tag
	if f.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			var err error
			if body, err = f.gzipped(); err != nil {
				s.fail(w, r, fmt.Errorf("compress: %w", err))
				return
			}
			tag += "-gzip" // other bytes, so another strong ETag
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", f.cacheControl)
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3). Who says nothing gets plain
// files: that is a program, not a browser.
func acceptsGzip(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(line, ",") {
			coding, weight, weighed := strings.Cut(item, ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
			return !weighed || err == nil && q > 0
		}
	}
	return false
}
