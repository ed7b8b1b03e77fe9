package fanout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"confab/domain"
)

// pageEvents is the number of events in a page: page n holds the events from
// n*pageEvents+1 to (n+1)*pageEvents.
const pageEvents = 128

// keptBytes bounds a room's memory for those who catch up. The first of a crowd needs
// some time for each page, the others find it here, so they close up with the first as
// long as they set out within that many bytes of it.
const keptBytes = 4 << 20

// pages reads and encodes a room's history, each page once for all who want it at
// about the same time: after a node died, thousands want the same ones. It holds
// pages only while somebody catches up.
type pages struct {
	timeline domain.Timeline
	encode   func(domain.Record) []byte
	room     domain.RoomID

	mu    sync.Mutex
	users int
	kept  []*page // the most recently used last
	bytes int     // of the kept ones that are read
}

// page is read by whoever wants it first.
type page struct {
	number uint64
	read   chan struct{} // closed when frames and err are set
	frames []frame
	err    error
	bytes  int // of the frames; with pages.mu
}

func newPages(cfg HubConfig, room domain.RoomID) *pages {
	return &pages{timeline: cfg.Timeline, encode: cfg.Encode, room: room}
}

// use and release enclose catching up.
func (p *pages) use() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users++
}

func (p *pages) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.users--; p.users == 0 {
		p.kept, p.bytes = nil, 0
	}
}

// from returns frames from seq to the end of its page, or to the head. The event seq
// must exist. What has to be read for it counts in reads.
func (p *pages) from(ctx context.Context, seq uint64, reads prometheus.Counter) ([]frame, error) {
	number, offset := (seq-1)/pageEvents, int((seq-1)%pageEvents)
	for {
		g, first := p.get(number)
		if first {
			reads.Inc()
			g.frames, g.err = p.load(ctx, number)
			p.loaded(g)
		}
		select {
		case <-g.read:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case g.err == nil && len(g.frames) > offset:
			return g.frames[offset:], nil
		case g.err != nil && (first || !errors.Is(g.err, context.Canceled)):
			return nil, g.err
		case first:
			return nil, fmt.Errorf("event %d is in no part of the timeline", seq)
		}
		// The one who read it gave up, or read it before the event was there: again.
	}
}

// get returns a page, and whether the caller is the one who has to read it.
func (p *pages) get(number uint64) (g *page, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.IndexFunc(p.kept, func(g *page) bool { return g.number == number }); i >= 0 {
		g = p.kept[i]
		p.kept = append(slices.Delete(p.kept, i, i+1), g)
		return g, false
	}
	g = &page{number: number, read: make(chan struct{})}
	p.kept = append(p.kept, g)
	return g, true
}

// loaded gives the page to those who wait. Only a full one is kept: it never changes.
func (p *pages) loaded(g *page) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer close(g.read)
	if !slices.Contains(p.kept, g) { // everybody who was catching up has ended meanwhile
		return
	}
	if g.err != nil || len(g.frames) < pageEvents {
		p.forget(g)
		return
	}
	g.bytes = size(g.frames)
	p.bytes += g.bytes
	for p.bytes > keptBytes && p.kept[0] != g {
		p.forget(p.kept[0]) // whoever waits for it has it in hand
	}
}

// forget is called with mu held.
func (p *pages) forget(g *page) {
	p.kept = slices.DeleteFunc(p.kept, func(o *page) bool { return o == g })
	p.bytes -= g.bytes
}

func (p *pages) load(ctx context.Context, number uint64) ([]frame, error) {
	after := number * pageEvents
	var frames []frame
	for len(frames) < pageEvents {
		records, err := p.timeline.Range(ctx, p.room, after, pageEvents-len(frames))
		if err != nil {
			return nil, err
		}
		if len(records) == 0 {
			break
		}
		for _, rec := range records {
			if after++; rec.Seq != after {
				return nil, fmt.Errorf("timeline gave event %d instead of %d", rec.Seq, after)
			}
			frames = append(frames, newFrame(p.encode, rec))
		}
	}
	lay(frames)
	return frames, nil
}
