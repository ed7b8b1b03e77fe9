package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// serverKey holds the run id of the Redis server that is admitted. A replica has its
// master's there, and a server that was restarted its own former one.
const serverKey = "confab:server"

// admitScript is for a server that is full: it is let in, too, so that what it has can be read.
var admitScript = redis.NewScript(`#!lua flags=allow-oom
return redis.call("SET", KEYS[1], ARGV[1])`)

// lookEvery is how often the nodes look whether the server is the admitted one.
const lookEvery = 250 * time.Millisecond

// Admission keeps appends away from a Redis server that has started or was promoted just
// now: it may lack the newest events, and would give their seqs to others before anybody
// has noticed. It is admitted when it was there for the grace (Config.Grace), in which
// every node looks at what it knows (the hubs at their rooms, this at the cached ones) and
// freezes the rooms that went back (salvage.go).
//
// A server's run id (INFO server) is new with each of its starts. A Redis that does not
// tell it is always admitted.
type Admission struct {
	service *Service
	pending atomic.Bool
}

// NewAdmission returns the Admission to the service's Redis. It admits while Run runs.
func NewAdmission(s *Service) *Admission {
	a := &Admission{service: s}
	a.pending.Store(true)
	return a
}

// Pending reports whether a server waits for its admission, as Run has last seen.
func (a *Admission) Pending() bool { return a.pending.Load() }

// OnConnect is for redis.Options of the client that the Publisher uses. A connection ends
// with its server, so it is enough to hold back each new one until the server is admitted,
// or ctx ends.
func (a *Admission) OnConnect(ctx context.Context, conn *redis.Conn) error {
	for {
		s, err := lookAtServer(ctx, conn)
		if err != nil || s.isAdmitted() {
			return err
		}
		select {
		case <-time.After(lookEvery / 5):
		case <-ctx.Done():
			return fmt.Errorf("redis server %s is not admitted yet: %w", s.id, ctx.Err())
		}
	}
}

// Run admits servers until ctx ends.
func (a *Admission) Run(ctx context.Context) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var newcomer newcomer
	for {
		if err := a.look(ctx, &newcomer); err != nil && ctx.Err() == nil {
			a.service.config.Logger.WarnContext(ctx, "the Redis server cannot be admitted; trying again", slog.Any("error", err))
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// newcomer is the server that waits for its admission.
type newcomer struct {
	id    string
	since time.Time
	told  bool // this node has said what it knows
}

func (a *Admission) look(ctx context.Context, n *newcomer) error {
	client, grace, log := a.service.config.Redis, a.service.config.Grace, a.service.config.Logger
	s, err := lookAtServer(ctx, client)
	if err != nil {
		return nil //nolint:nilerr // a Redis that is away is logged by all who need it
	}
	a.pending.Store(!s.isAdmitted())
	if s.isAdmitted() {
		*n = newcomer{}
		return nil
	}
	if s.id != n.id {
		n.id, n.since, n.told = s.id, time.Now(), false
		log.InfoContext(ctx, "a Redis server that is new; waiting for what all nodes know", slog.String("server", s.id), slog.String("before", s.admitted), slog.Duration("grace", grace))
	}
	if !n.told {
		if err := a.service.freezeLost(ctx); err != nil {
			return err
		}
		n.told = true
	}
	if time.Since(n.since) < grace {
		return nil
	}
	// If it is another server by now, this one's id admits nobody there.
	err = client.Set(ctx, serverKey, n.id, 0).Err()
	if redis.HasErrorPrefix(err, "OOM") {
		err = admitScript.Run(ctx, client, []string{serverKey}, n.id).Err()
	}
	if err != nil {
		return err
	}
	a.pending.Store(false)
	*n = newcomer{}
	return nil
}

type server struct{ id, admitted string }

func (s server) isAdmitted() bool { return s.id == s.admitted || s.id == "" }

func lookAtServer(ctx context.Context, client redis.Cmdable) (server, error) {
	info, err := client.Info(ctx, "server").Result()
	if redis.HasErrorPrefix(err, "NOPERM") || redis.HasErrorPrefix(err, "ERR") { // forbidden or renamed
		return server{}, nil
	}
	if err != nil {
		return server{}, err
	}
	_, rest, _ := strings.Cut(info, "run_id:")
	id, _, _ := strings.Cut(rest, "\r\n")
	admitted, err := client.Get(ctx, serverKey).Result()
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	return server{id: id, admitted: admitted}, err
}

// freezeLost freezes every room of which this node knows more than Redis, and leaves how
// far it knows it. Whoever needs such a room then repairs it.
func (s *Service) freezeLost(ctx context.Context) error {
	rooms := s.rooms.list()
	for len(rooms) > 0 {
		n := min(page, len(rooms))
		if err := s.freezeLostOf(ctx, rooms[:n]); err != nil {
			return err
		}
		rooms = rooms[n:]
	}
	return nil
}

func (s *Service) freezeLostOf(ctx context.Context, rooms []*cachedRoom) error {
	seen := make([]uint64, len(rooms)) // read before Redis is, which may go on
	metas := make([]*redis.SliceCmd, len(rooms))
	pipe := s.config.Redis.Pipeline()
	for i, r := range rooms {
		seen[i] = r.version().seq
		metas[i] = pipe.HMGet(ctx, s.partition(r.id).Meta(r.id), "head", "state", "since")
	}
	_, _ = pipe.Exec(ctx) // its error is that of an answer
	for i, r := range rooms {
		meta, err := metas[i].Result()
		if redis.HasErrorPrefix(err, "WRONGTYPE") { // no hash: whoever needs the room is told
			continue
		}
		if err != nil {
			return err
		}
		found := remains{room: r.id}
		found.readMeta(meta)
		if seen[i] == 0 || found.head >= seen[i] && found.meta[2] != "" {
			continue
		}
		if _, err := s.repairs.freeze(ctx, found, seen[i], nil); err != nil {
			return err
		}
		s.config.Logger.WarnContext(ctx, "a room went back", slog.String("room", string(r.id)), slog.Uint64("head", found.head), slog.Uint64("issued", seen[i]))
	}
	return nil
}
