package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"confab/domain"
)

// WebSocket close codes of the wire contract.
const (
	closeGoingAway    = 1001
	closeAbnormal     = 1006 // never sent: the line was cut
	closeRestart      = 1012
	closeSessionEnded = 4001
	closeForbidden    = 4003
	closeSlow         = 4008
	closeProtocol     = 4009
)

// codes is the one table from an error's code to what each protocol says: the HTTP
// status, its title in a problem, and the close code of a WebSocket that ends by it.
var codes = map[domain.Code]struct {
	status    int
	title     string
	closeCode int
}{
	domain.CodeInvalid:         {http.StatusBadRequest, "The request is not valid", closeProtocol},
	domain.CodeUnauthenticated: {http.StatusUnauthorized, "Sign in first", closeSessionEnded},
	domain.CodeForbidden:       {http.StatusForbidden, "Not allowed", closeForbidden},
	domain.CodeNotFound:        {http.StatusNotFound, "Not found", closeForbidden},
	domain.CodeConflict:        {http.StatusConflict, "In conflict with what is there", closeProtocol},
	domain.CodeTooLarge:        {http.StatusRequestEntityTooLarge, "Too large", closeProtocol},
	domain.CodeRateLimited:     {http.StatusTooManyRequests, "Too many requests", closeSlow},
	domain.CodeUnavailable:     {http.StatusServiceUnavailable, "Not available at the moment", closeRestart},
	domain.CodeInternal:        {http.StatusInternalServerError, "Internal error", closeRestart},
}

func statusOf(c domain.Code) int    { return codes[c].status }
func closeCodeOf(c domain.Code) int { return codes[c].closeCode }

// shown returns what a client may see of err, and logs what it may not. It is the
// only place where an error turns into something shown, for REST and WebSocket.
func (s *Server) shown(ctx context.Context, err error) *domain.Error {
	request := slog.String("request", requestID(ctx)) // which the client was told
	if e, ok := errors.AsType[*domain.Error](err); ok {
		if e.Err != nil {
			s.log.WarnContext(ctx, "request failed", request, slog.String("code", string(e.Code)), slog.Any("error", err))
		}
		return e
	}
	if errors.Is(err, domain.ErrNotFound) {
		return domain.Errorf(domain.CodeNotFound, "there is no such thing")
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		s.log.WarnContext(ctx, "request ran out of time", request, slog.Any("error", err))
		return domain.Unavailable("the server", err)
	}
	s.log.ErrorContext(ctx, "internal error", request, slog.Any("error", err))
	return domain.Errorf(domain.CodeInternal, "something went wrong on the server; it was logged")
}
