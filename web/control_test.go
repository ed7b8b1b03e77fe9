package web_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
)

// wire is a web.Control that carries messages to all who listen.
type wire struct{ listeners []chan *message.Message }

func (w *wire) Publish(topic string, messages ...*message.Message) error {
	for _, l := range w.listeners {
		for _, m := range messages {
			l <- m.Copy()
		}
	}
	return nil
}

func (w *wire) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	c := make(chan *message.Message, 100)
	w.listeners = append(w.listeners, c)
	context.AfterFunc(ctx, func() { close(c) })
	return c, nil
}

func TestControl_sessionEndsOnTheOtherNodesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		var a, b *rig
		a = newRig(t, func(c *web.Config) { c.Control = w })
		b = newRig(t, func(c *web.Config) { c.Control, c.Accounts = w, a.store })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.server.Run(ctx) }()
		synctest.Wait()

		ada := a.guest("ada")
		there := person{b, ada.user, ada.token}
		there.ask("GET", "/api/v1/me", "").ok(http.StatusOK)
		ada.ask("DELETE", "/api/v1/sessions/current", "").ok(http.StatusNoContent)
		synctest.Wait()
		there.ask("GET", "/api/v1/me", "").problem(http.StatusUnauthorized, domain.CodeUnauthenticated)

		require.NoError(t, w.Publish("", message.NewMessage("1", []byte("rubbish")), message.NewMessage("2", []byte(`{"later":1}`))))
		synctest.Wait()
		require.Contains(t, b.logged.String(), "control message is not readable")
		stop()
		require.NoError(t, <-done)
	})
}

func TestControl_lostWordCostsHalfAMinute(t *testing.T) {
	var a, b *rig
	a = newRig(t)
	b = newRig(t, func(c *web.Config) { c.Accounts = a.store })
	ada := a.guest("ada")
	there := person{b, ada.user, ada.token}
	there.ask("GET", "/api/v1/me", "").ok(http.StatusOK)
	ada.ask("DELETE", "/api/v1/sessions/current", "").ok(http.StatusNoContent)
	b.pass(29 * time.Second)
	there.ask("GET", "/api/v1/me", "").ok(http.StatusOK)
	b.pass(time.Second)
	there.ask("GET", "/api/v1/me", "").problem(http.StatusUnauthorized, domain.CodeUnauthenticated)
}
