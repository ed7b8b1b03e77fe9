package projector

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
)

//go:embed trim.lua
var trimLua string

var trimScript = newUrgent(trimLua)

// trimAtOnce bounds how long one trim script keeps Redis busy.
const trimAtOnce = 500

// trimRooms trims the streams of rooms that grew. They are projected up to their
// heads, and nothing above is ever touched. A failure waits for the next time.
func (w *worker) trimRooms(ctx context.Context, rooms []domain.RoomID) {
	window := uint64(w.cfg.HotWindow)
	for _, id := range rooms {
		r, known := w.rooms[id]
		// Amortised: only when the stream is over its window by a quarter.
		if !known || r.head < r.trimmed+window+window/4 || !w.lease.valid() {
			continue
		}
		below := r.head - window + 1
		if err := w.trimRoom(ctx, id, below); err != nil {
			w.logger.Warn("cannot trim a room's stream; trying again later", "room", id, "err", err)
			return
		}
		r.trimmed = below - 1
		w.rooms[id] = r
	}
}

func (w *worker) trimRoom(ctx context.Context, room domain.RoomID, below uint64) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	for {
		n, err := trimScript.Run(ctx, w.cfg.Redis,
			[]string{w.part.Room(room), w.part.Meta(room), w.part.Lease()},
			w.lease.token, below, trimAtOnce).Int()
		if err != nil {
			return fmt.Errorf("trim script: %w", err)
		}
		if n < 0 {
			return errLeaseLost
		}
		w.metrics.trimmed.WithLabelValues("room").Add(float64(n))
		if n < trimAtOnce {
			return nil
		}
	}
}

// tidyLog trims the partition's log below what all its groups have acked, and measures
// what is left: a second after something was acked, and now and then.
func (p *Projector) tidyLog(ctx context.Context, part domain.Partition, acked <-chan struct{}) {
	defer p.metrics.forget(part)
	for {
		once, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := p.trimLog(once, part)
		cancel()
		if err != nil && ctx.Err() == nil {
			p.cfg.Logger.Debug("cannot trim the log; trying again", "partition", int(part), "err", err)
		}
		select {
		case <-acked:
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
		}
		if !sleep(ctx, time.Second) { // until Redis has the acks, and for what follows
			return
		}
	}
}

// trimLog never looks at ids of its own: whatever was read, the pending entries and
// the last delivered id of every group say what is done with. Both only grow, so
// what changes between looking and trimming does no harm.
func (p *Projector) trimLog(ctx context.Context, part domain.Partition) error {
	log := part.Log()
	groups, err := p.cfg.Redis.XInfoGroups(ctx, log).Result()
	ours := func(g redis.XInfoGroup) bool { return g.Name == Group }
	if err != nil || !slices.ContainsFunc(groups, ours) {
		return err // until there is our group, nothing has been read
	}
	var keep string
	for _, g := range groups {
		id := g.LastDeliveredID
		if g.Pending > 0 {
			pending, err := p.cfg.Redis.XPending(ctx, log, g.Name).Result()
			if err != nil {
				return err
			}
			if pending.Count > 0 {
				id = pending.Lower
			}
		}
		if ours(g) {
			p.metrics.pending.WithLabelValues(partLabel(part)).Set(float64(g.Pending))
		}
		if keep == "" || idLess(id, keep) {
			keep = id
		}
	}
	if !idLess("0-0", keep) {
		return p.measureLog(ctx, part)
	}
	n, err := p.cfg.Redis.XTrimMinID(ctx, log, keep).Result()
	if err != nil {
		return err
	}
	p.metrics.trimmed.WithLabelValues("log").Add(float64(n))
	return p.measureLog(ctx, part)
}

func (p *Projector) measureLog(ctx context.Context, part domain.Partition) error {
	n, err := p.cfg.Redis.XLen(ctx, part.Log()).Result()
	if err == nil {
		p.metrics.logEntries.WithLabelValues(partLabel(part)).Set(float64(n))
	}
	return err
}

// idLess compares stream ids by their two numbers.
func idLess(a, b string) bool {
	a1, a2 := idParts(a)
	b1, b2 := idParts(b)
	return a1 < b1 || a1 == b1 && a2 < b2
}

func idParts(id string) (ms, n uint64) {
	left, right, _ := strings.Cut(id, "-")
	ms, err1 := strconv.ParseUint(left, 10, 64)
	n, err2 := strconv.ParseUint(right, 10, 64)
	if errors.Join(err1, err2) != nil {
		return 0, 0 // keeps everything
	}
	return ms, n
}
