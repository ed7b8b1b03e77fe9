//go:build !linux

package web

import "errors"

// poller is for systems that have none here: each connection keeps a goroutine and a buffer.
type poller struct{}

func newPoller() (*poller, error)             { return nil, errors.ErrUnsupported }
func (*poller) watch(uintptr, uint64) error   { return errors.ErrUnsupported }
func (*poller) forget(uintptr)                {}
func (*poller) wait(func(uint64, bool)) error { return errors.ErrUnsupported }
func (*poller) close()                        {}
