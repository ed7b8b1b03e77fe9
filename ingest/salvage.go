package ingest

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
)

// A Redis that went back (it was flushed, or is a replica that was promoted without
// the tail) may lack events that the archive does not have yet either. Nodes that have
// delivered them still hold them. So whoever finds such a room freezes it, puts what its
// node holds into the room's salvage hash, and gives all others a while to do the same;
// then it repairs the room with all of it. Any number of nodes may do so at once.

//go:embed salvage.lua
var salvageSource string

//go:embed thaw.lua
var thawSource string

var (
	salvageScript = redis.NewScript(salvageSource)
	thawScript    = redis.NewScript(thawSource)
)

// knowledge is what is known of a room but for Redis. It is read before Redis is, so
// that a room which has more is just a room that went on.
type knowledge struct {
	archived uint64
	issued   uint64          // the highest seq that anybody is known to have seen
	held     []domain.Record // what this node holds, a sequence
}

func (p *repairer) knowledge(ctx context.Context, room domain.RoomID, floor uint64) (knowledge, error) {
	if p.recent == nil {
		return knowledge{}, nil
	}
	archived, err := p.archive.Head(ctx, room)
	if err != nil {
		return knowledge{}, domain.Unavailable("the archive", err)
	}
	k := knowledge{archived: archived, issued: max(floor, archived), held: p.recent(room)}
	if n := len(k.held); n > 0 {
		k.issued = max(k.issued, k.held[n-1].Seq)
	}
	return k, nil
}

// holds returns the payload of an event that this node holds, or nil.
func (k knowledge) holds(seq uint64) []byte {
	if len(k.held) == 0 || seq < k.held[0].Seq || seq-k.held[0].Seq >= uint64(len(k.held)) {
		return nil
	}
	return k.held[seq-k.held[0].Seq].Payload
}

// wentBack reports whether Redis lacks something of the room that a node may hold.
func (p *repairer) wentBack(ctx context.Context, found remains, known knowledge) (bool, error) {
	if found.length == 0 && !found.frozen && known.issued == 0 {
		return false, nil // nobody knows of such a room
	}
	archived, err := p.archive.Head(ctx, found.room) // again: it may have been trimmed since
	if err != nil {
		return false, domain.Unavailable("the archive", err)
	}
	if found.meta[2] != "" && found.head >= known.issued && found.sound(archived) {
		return false, nil
	}
	return true, nil
}

// gather freezes the room, adds what this node knows of it, and waits for others to do
// so: until the grace is over or one of them has repaired the room. It returns false when
// the room was no longer as it was found.
func (p *repairer) gather(ctx context.Context, found remains, known knowledge) (bool, error) {
	held := known.held
	if same, err := p.continues(ctx, found, known); err != nil {
		return false, err
	} else if !same {
		p.metrics.repairs.WithLabelValues("diverged").Inc()
		p.logger.ErrorContext(ctx, "a room has gone on in another way than this node has seen; its history cannot be continued here",
			slog.String("room", string(found.room)), slog.Uint64("seen", known.issued), slog.Uint64("head", found.last()))
		held = nil
	}
	held = slices.DeleteFunc(slices.Clone(held), func(rec domain.Record) bool { return rec.Seq <= known.archived })
	if done, err := p.freeze(ctx, found, known.issued, held); err != nil || !done {
		return false, err
	}
	p.logger.WarnContext(ctx, "a room went back; gathering what nodes know of it", slog.String("room", string(found.room)),
		slog.Uint64("head", found.head), slog.Uint64("issued", known.issued), slog.Int("events", len(held)))
	meta := domain.PartitionOf(found.room, p.partitions).Meta(found.room)
	end := time.After(p.grace)
	look := time.NewTicker(max(time.Millisecond, min(p.grace/20, 100*time.Millisecond)))
	defer look.Stop()
	for {
		select {
		case <-end:
			return true, nil
		case <-ctx.Done():
			return false, domain.Unavailable("the room", ctx.Err())
		case <-look.C:
			if repaired, _ := p.redis.HExists(ctx, meta, "since").Result(); repaired {
				return true, nil
			}
		}
	}
}

// freeze freezes the room and leaves what this node knows of it: that event issued was
// issued, and some events. It returns false when the room was no longer as it was found.
func (p *repairer) freeze(ctx context.Context, found remains, issued uint64, held []domain.Record) (bool, error) {
	args := []any{found.meta[0], found.meta[1], found.meta[2], issued}
	for _, rec := range held {
		args = append(args, rec.Seq, rec.Payload)
	}
	part := domain.PartitionOf(found.room, p.partitions)
	done, err := salvageScript.Run(ctx, p.redis, []string{part.Meta(found.room), part.Salvage(found.room)}, args...).Bool()
	if err != nil {
		return false, redisError(err)
	}
	return done, nil
}

// continues reports whether what this node holds is of the same history as what is
// left: of two histories, all events from the fork on differ.
func (p *repairer) continues(ctx context.Context, found remains, known knowledge) (bool, error) {
	for i := len(found.events) - 1; i >= 0; i-- {
		if mine := known.holds(found.events[i].Seq); mine != nil {
			return bytes.Equal(mine, found.events[i].Payload), nil
		}
	}
	mine := known.holds(known.archived)
	if mine == nil {
		return true, nil
	}
	records, err := p.archive.Range(ctx, found.room, known.archived-1, 1)
	if err != nil {
		return false, domain.Unavailable("the archive", err)
	}
	return len(records) == 0 || bytes.Equal(mine, records[0].Payload), nil
}

// thaw lifts the freeze of a room that turned out not to exist. It returns why.
func (p *repairer) thaw(ctx context.Context, found remains, why error) error {
	if domain.CodeOf(why) != domain.CodeNotFound || !found.frozen {
		return why
	}
	part := domain.PartitionOf(found.room, p.partitions)
	if err := thawScript.Run(ctx, p.redis, []string{part.Meta(found.room), part.Salvage(found.room)}).Err(); err != nil {
		return redisError(err)
	}
	return why
}

// addSalvaged reads the salvage hash.
func (r *remains) addSalvaged(fields map[string]string) error {
	r.fields = len(fields)
	for name, payload := range fields {
		digits, isFloor := strings.CutPrefix(name, "floor:")
		seq, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			return fmt.Errorf("salvage of room %s: field %q is not ours", r.room, name)
		}
		r.floor = max(r.floor, seq)
		if isFloor {
			continue
		}
		e, err := eventOf(domain.Record{Room: r.room, Seq: seq, Payload: []byte(payload)})
		if err != nil {
			return err
		}
		r.salvaged = append(r.salvaged, e)
	}
	return nil
}
