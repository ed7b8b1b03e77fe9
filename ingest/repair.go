package ingest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
)

//go:embed restore.lua
var restoreSource string

var restoreScript = redis.NewScript(restoreSource)

const (
	repairTimeout  = 15 * time.Second
	repairAttempts = 8
)

// repairer puts back what Redis has forgotten of a room. Any number of nodes may
// repair at once: each plans by what it finds, and restore.lua carries out a plan only
// while the room is still as it was found.
type repairer struct {
	redis      redis.UniversalClient
	archive    domain.Archive
	views      domain.Views
	partitions int
	hotWindow  uint64
	lostAfter  time.Duration
	recent     func(domain.RoomID) []domain.Record // nil: this node knows nothing else
	grace      time.Duration
	now        func() time.Time
	logger     *slog.Logger
	metrics    *serviceMetrics
}

// repair makes Redis hold the room up to the newest seq that was ever issued as far
// as anybody can know, floor included, and returns its state there. It never lowers
// the head. It fails with CodeNotFound when there is no such room.
//
// It goes on when ctx is cancelled, for at most repairTimeout, since others wait for
// the result too.
func (p *repairer) repair(ctx context.Context, room domain.RoomID, floor uint64) (*domain.Room, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), repairTimeout)
	defer cancel()
	gathered := p.recent == nil
	for range repairAttempts {
		known, err := p.knowledge(ctx, room, floor)
		if err != nil {
			return nil, err
		}
		found, err := p.survey(ctx, room)
		if err != nil {
			return nil, err
		}
		if !gathered {
			back, err := p.wentBack(ctx, found, known)
			if err != nil {
				return nil, err
			}
			if back {
				if gathered, err = p.gather(ctx, found, known); err != nil {
					return nil, err
				}
				continue
			}
		}
		plan, err := p.plan(ctx, found, floor)
		if err != nil {
			return nil, p.thaw(ctx, found, err)
		}
		done, err := p.carryOut(ctx, found, plan)
		if err != nil {
			return nil, err
		}
		if done {
			return plan.room, nil
		}
	}
	p.metrics.repairs.WithLabelValues("contended").Inc()
	return nil, domain.Unavailable("the room", errors.New("it changes while it is repaired"))
}

// event is a record with what goes with it in Redis.
type event struct {
	domain.Record
	key string // domain.KeyField, or ""
}

func eventOf(rec domain.Record) (event, error) {
	e, err := rec.Event()
	if err != nil {
		return event{}, fmt.Errorf("event %d of room %s: %w", rec.Seq, rec.Room, err)
	}
	if e.Key == "" {
		return event{Record: rec}, nil
	}
	return event{Record: rec, key: domain.KeyField(e.Actor.ID, e.Key)}, nil
}

// remains are what Redis holds of a room.
type remains struct {
	room        domain.RoomID
	head, state uint64
	meta        [3]string // head, state and since as they stand, "" where absent
	length      int64
	lastID      string // the last that the stream has assigned, "" without a stream
	events      []event
	frozen      bool
	salvaged    []event // what nodes gathered, in any order
	fields      int     // of the salvage hash
	floor       uint64  // the highest seq that a node is known to have seen
}

func (r remains) last() uint64 {
	if len(r.events) == 0 {
		return 0
	}
	return r.events[len(r.events)-1].Seq
}

// sound reports whether the stream can stay as it is and be continued: it has no
// hole, nothing is missing between it and the archive, and it goes on counting
// where it ends.
func (r remains) sound(archived uint64) bool {
	n := len(r.events)
	return n > 0 && r.events[0].Seq <= archived+1 && r.last()-r.events[0].Seq == uint64(n-1) &&
		r.lastID == streamID(r.last())
}

func streamID(seq uint64) string { return "0-" + strconv.FormatUint(seq, 10) }

// survey reads what Redis holds, as of one moment: in a busy room, parts of different
// moments would look broken.
func (p *repairer) survey(ctx context.Context, room domain.RoomID) (remains, error) {
	part := domain.PartitionOf(room, p.partitions)
	pipe := p.redis.TxPipeline()
	meta := pipe.HMGet(ctx, part.Meta(room), "head", "state", "since", "frozen")
	info := pipe.XInfoStream(ctx, part.Room(room)) // an error where there is no stream
	entries := pipe.XRange(ctx, part.Room(room), "-", "+")
	salvaged := pipe.HGetAll(ctx, part.Salvage(room))
	_, _ = pipe.Exec(ctx)
	if err := errors.Join(meta.Err(), entries.Err(), salvaged.Err()); err != nil {
		return remains{}, domain.Unavailable("Redis", err)
	}
	found := remains{room: room}
	found.readMeta(meta.Val())
	found.frozen = meta.Val()[3] != nil
	if err := found.addSalvaged(salvaged.Val()); err != nil {
		return remains{}, err
	}
	if info.Err() == nil {
		found.length, found.lastID = info.Val().Length, info.Val().LastGeneratedID
	}
	for _, entry := range entries.Val() {
		seq, err := strconv.ParseUint(strings.TrimPrefix(entry.ID, "0-"), 10, 64)
		if err != nil {
			return remains{}, fmt.Errorf("stream of room %s: entry %s is not ours", room, entry.ID)
		}
		payload, _ := entry.Values["payload"].(string)
		key, _ := entry.Values["key"].(string)
		found.events = append(found.events, event{domain.Record{Room: room, Seq: seq, Payload: []byte(payload)}, key})
	}
	return found, nil
}

// readMeta takes in head, state and since of the meta hash.
func (r *remains) readMeta(fields []any) {
	for i := range r.meta {
		r.meta[i], _ = fields[i].(string)
	}
	r.head, _ = strconv.ParseUint(r.meta[0], 10, 64)
	r.state, _ = strconv.ParseUint(r.meta[1], 10, 64)
}

// carryOut has restore.lua do what the plan says. It returns false when the room is no
// longer as it was found.
func (p *repairer) carryOut(ctx context.Context, found remains, plan plan) (bool, error) {
	if plan.nothingToDo(found) {
		return true, nil
	}
	part := domain.PartitionOf(found.room, p.partitions)
	args := []any{found.meta[0], found.meta[1], found.meta[2], found.length, found.lastID, found.fields}
	args = append(args, bit(plan.anew), plan.head, plan.room.StateSeq, plan.since)
	args = append(args, len(plan.stream))
	for _, e := range plan.stream {
		args = append(args, e.Seq, e.Payload, e.key)
	}
	keyed := slices.DeleteFunc(slices.Clone(plan.window), func(e event) bool { return e.key == "" })
	args = append(args, len(keyed))
	for _, e := range keyed {
		args = append(args, e.key, e.Seq)
	}
	args = append(args, len(plan.log))
	for _, e := range plan.log {
		args = append(args, uuidOf(e.Record), "", e.Payload)
	}
	keys := []string{part.Room(found.room), part.Meta(found.room), part.Log(), part.Salvage(found.room)}
	done, err := restoreScript.Run(ctx, p.redis, keys, args...).Bool()
	if err != nil {
		return false, redisError(err)
	}
	if done {
		p.metrics.repairs.WithLabelValues("repaired").Inc()
		p.metrics.lost.Add(float64(plan.lost))
		p.logger.WarnContext(ctx, "put back a room that Redis had forgotten something of",
			slog.String("room", string(found.room)), slog.Uint64("head_was", found.head), slog.Uint64("head", plan.head),
			slog.Int("events", len(plan.stream)), slog.Int("logged", len(plan.log)), slog.Int("lost", plan.lost))
	}
	return done, nil
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return ""
}

// uuidOf returns the id of the event, which is also its message's.
func uuidOf(rec domain.Record) string {
	if e, err := rec.Event(); err == nil {
		return e.ID
	}
	return domain.NewID()
}
