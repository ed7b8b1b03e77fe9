package web_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
)

func TestHealth_aliveWhateverIsMissing(t *testing.T) {
	var gone atomic.Bool
	r := newRig(t, func(c *web.Config) {
		c.Ready = func(context.Context) []web.ReadyProblem {
			if gone.Load() {
				return []web.ReadyProblem{{Component: "redis", Reason: "connection refused"}}
			}
			return nil
		}
	})
	r.ask("GET", "/readyz", "").ok(http.StatusOK)
	gone.Store(true)
	a := r.ask("GET", "/readyz", "").problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
	require.Equal(t, []any{map[string]any{"component": "redis", "reason": "connection refused"}}, a.get("problems"))
	r.ask("GET", "/healthz", "").ok(http.StatusOK)
	gone.Store(false)
	r.ask("GET", "/readyz", "").ok(http.StatusOK)
}

func TestReady_withWarnings(t *testing.T) {
	r := newRig(t, func(c *web.Config) {
		c.Warnings = func(context.Context) []web.ReadyProblem {
			return []web.ReadyProblem{{Component: "redis", Reason: "it forgets"}}
		}
	})
	a := r.ask("GET", "/readyz", "").ok(http.StatusOK)
	require.Equal(t, []any{map[string]any{"component": "redis", "reason": "it forgets"}}, a.get("warnings"))
}

func TestReady_notWhileDraining(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.server.Drain(t.Context()))
	a := r.ask("GET", "/readyz", "").problem(http.StatusServiceUnavailable, domain.CodeUnavailable)
	require.Equal(t, "node", a.list("problems")[0].(map[string]any)["component"])
	r.ask("GET", "/healthz", "").ok(http.StatusOK)
	r.guest("ada") // REST goes on
}

func TestMetrics_countByRoute(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	ada.ask("GET", ada.makes("Square", domain.Public), "").ok(http.StatusOK)
	r.ask("TRACE", "/api/v1/me", "")
	r.rooms.set(func(f *fakeRooms) { f.panics = true })
	ada.ask("GET", "/api/v1/rooms/"+domain.NewID(), "").ok(http.StatusInternalServerError)
	a := r.ask("GET", "/metrics", "").ok(http.StatusOK)
	require.Contains(t, a.raw, `confab_web_request_seconds_count{method="GET",route="/api/v1/rooms/{room}",status="200"} 1`)
	require.Contains(t, a.raw, `confab_web_request_seconds_count{method="GET",route="/api/v1/rooms/{room}",status="500"} 1`, "a panic, too")
	require.Contains(t, a.raw, `method="other"`)
	require.NotContains(t, a.raw, string(ada.user.ID))
}
