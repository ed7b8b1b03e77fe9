//go:build !linux

package uring

import "errors"

// Ring is a means of Linux.
type Ring struct{}

// New fails.
func New(int) (*Ring, error) { return nil, errors.ErrUnsupported }

// Send is never called.
func (*Ring) Send([]Transfer) {}

// Receive is never called.
func (*Ring) Receive([]Transfer) {}

// Close is never called.
func (*Ring) Close() {}
