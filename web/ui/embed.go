// Package ui holds the browser's side of Confab as it is built: `make ui` makes dist of
// the sources beside it.
package ui

import "embed"

// Dist is the folder dist; names of chunks may begin with an underscore, hence all.
//
//go:embed all:dist
var Dist embed.FS
