//go:build !linux

package web

import "errors"

// ring is a means of Linux.
type ring struct{}

func newRing(int) (*ring, error) { return nil, errors.ErrUnsupported }
func (*ring) send([]send)        {}
func (*ring) close()             {}
