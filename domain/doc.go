// Package domain is what Confab is about, without any machinery: rooms as folds
// over their events, the commands that may append to them, who may do what, the
// limits, the error codes, and the ports through which the other packages meet.
//
// It depends on the standard library only, does no I/O and reads no clock: times
// are parameters. ingest, fanout, projector and web import domain and never each
// other; main plugs them together.
package domain
