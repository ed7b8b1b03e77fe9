package domain_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"confab/domain"
)

func TestCodeOf(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want domain.Code
	}{
		{nil, ""},
		{io.EOF, domain.CodeInternal},
		{domain.Errorf(domain.CodeConflict, "name %q is taken", "ada"), domain.CodeConflict},
		{fmt.Errorf("create account: %w", domain.ErrRoomNotFound()), domain.CodeNotFound},
		{domain.Unavailable("Redis", io.EOF), domain.CodeUnavailable},
	} {
		if got := domain.CodeOf(tt.err); got != tt.want {
			t.Errorf("CodeOf(%v) = %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestUnavailable_keepsTheCauseForTheLog(t *testing.T) {
	err := domain.Unavailable("Redis", io.ErrUnexpectedEOF)
	if !errors.Is(err, io.ErrUnexpectedEOF) || err.RetryAfter != time.Second {
		t.Errorf("%#v", err)
	}
	if err.Message != "Redis is not reachable; try again" {
		t.Errorf("a client would see %q", err.Message)
	}
	if want := "unavailable: Redis is not reachable; try again: unexpected EOF"; err.Error() != want {
		t.Errorf("the log would see %q, want %q", err, want)
	}
}
