package domain

import (
	"errors"
	"fmt"
	"time"
)

// Code is the stable, machine-readable reason of an error, as in the wire contract.
type Code string

// The codes a client may meet.
const (
	CodeInvalid         Code = "invalid"
	CodeUnauthenticated Code = "unauthenticated"
	CodeForbidden       Code = "forbidden"
	CodeNotFound        Code = "not_found"
	CodeConflict        Code = "conflict"
	CodeTooLarge        Code = "too_large"
	CodeRateLimited     Code = "rate_limited"
	CodeUnavailable     Code = "unavailable"
	CodeInternal        Code = "internal"
)

// Error is the only error a client sees. Message is safe to show and says what to
// do. Err is the cause, for the log only.
type Error struct {
	Code       Code
	Message    string
	RetryAfter time.Duration // of rate_limited and unavailable; 0: not known
	Err        error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error without a cause.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Unavailable wraps a failure of a dependency: nothing is lost, the client may try
// again with the same key.
func Unavailable(what string, err error) *Error {
	return &Error{Code: CodeUnavailable, Message: what + " is not reachable; try again", RetryAfter: time.Second, Err: err}
}

// CodeOf returns the code of err: CodeInternal for anything that holds no *Error,
// and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// ErrRoomNotFound is what everybody hears who may not know that a room exists.
func ErrRoomNotFound() *Error {
	return Errorf(CodeNotFound, "no such room, or it is private and you are not a member")
}
