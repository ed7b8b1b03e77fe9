package main

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill/message"

	"confab/domain"
	"confab/domain/domaintest"
)

type published []*message.Message

func (p *published) Publish(_ string, ms ...*message.Message) error {
	*p = append(*p, ms...)
	return nil
}
func (p *published) Close() error { return nil }

func TestGate_holdsAnAckUntilTheEventIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		history := domaintest.NewHistory("lounge", domain.Public).Posts(3)
		store, live := domaintest.NewMemoryStore(), &published{}
		g := newGate(live, store, 1)
		acked := false
		go func() {
			if err := g.Await(t.Context(), history.Room, 3); err != nil {
				t.Error(err)
			}
			acked = true
		}()
		for from := 1; from <= 3; from++ {
			synctest.Wait()
			if acked || len(*live) != from-1 {
				t.Fatalf("before event %d is stored: acked %v, %d published", from, acked, len(*live))
			}
			if err := g.committed(t.Context(), history.Records(from, from)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if !acked || len(*live) != 3 {
			t.Errorf("acked %v, %d published", acked, len(*live))
		}
	})
}

// After a restart a key that was used before it comes again.
func TestGate_knowsWhatAnEarlierProcessStored(t *testing.T) {
	history := domaintest.NewHistory("lounge", domain.Public).Posts(3)
	store := domaintest.NewMemoryStore()
	if err := store.Project(t.Context(), history.Records(1, 0)); err != nil {
		t.Fatal(err)
	}
	g := newGate(&published{}, store, 1)
	if err := g.Await(t.Context(), history.Room, 4); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Await(ctx, history.Room, 5); err == nil {
		t.Error("acked an event that is not stored")
	}
}
