package fanout

import (
	"context"

	"confab/domain"
)

// catchUp brings s, which may be any number of events behind, to where it can enter
// the room: in chunks from the ring or the room's pages, each when the sink has
// flushed the one before. What keeps it from going on is tried again until the
// subscription ends. It runs in a goroutine of the hub's.
func (s *Subscription) catchUp(ctx context.Context) {
	ctx, cancel, ok := s.begin(ctx)
	defer cancel()
	if !ok {
		return
	}
	s.room.pages.use()
	defer s.room.pages.release()
	var ahead []frame // from s.next on
	for wait := newBackoff(); ; {
		if s.doubted.Load() && !s.reassure(ctx, wait) {
			return
		}
		if len(ahead) == 0 {
			if s.room.enter(s) {
				return
			}
			var err error
			if ahead, err = s.room.history(ctx, s.next); err != nil {
				if !s.pause(ctx, wait, "events cannot be read; trying again", err) {
					return
				}
				continue
			}
			wait = newBackoff()
		}
		if err := s.sink.Flushed(ctx); err != nil {
			s.Close()
			return
		}
		if s.doubted.Load() { // since it may have taken long
			continue
		}
		n := s.chunk(ahead)
		last := s.next + uint64(n) - 1
		if !s.replay(join(ahead[:n]), n, last) {
			return
		}
		if s.next <= last { // not flushed any more
			continue
		}
		if epoch := ahead[n-1].epoch; epoch != "" && last > s.head { // the room has jumped over it
			s.reset(last, last, epoch)
			return
		}
		if ahead[n-1].left == s.user && last > s.trusted {
			s.doubted.Store(true)
		}
		s.hub.metrics.replayed.Add(float64(n))
		ahead = ahead[n:]
	}
}

// chunk returns how many of the frames may be delivered at once: as many as fit, and up
// to an event by which the user left the room after access was last checked, or that began
// an epoch after s did.
func (s *Subscription) chunk(frames []frame) int {
	size := 0
	for i, f := range frames {
		if size += len(f.data); size > s.hub.cfg.ChunkBytes && i > 0 {
			return i
		}
		if f.left == s.user && s.next+uint64(i) > s.trusted {
			return i + 1
		}
		if f.epoch != "" && s.next+uint64(i) > s.head {
			return i + 1
		}
	}
	return len(frames)
}

// reassure asks again whether the user may read the room, until somebody knows.
func (s *Subscription) reassure(ctx context.Context, wait *backoff) bool {
	for {
		s.doubted.Store(false) // before asking: a doubt that comes meanwhile counts
		err := s.ask(ctx)
		switch domain.CodeOf(err) {
		case "":
			return true
		case domain.CodeNotFound, domain.CodeForbidden, domain.CodeUnauthenticated:
			s.revoke(err)
			return false
		}
		s.doubted.Store(true)
		if !s.pause(ctx, wait, "access cannot be checked; delivering nothing until it can", err) {
			return false
		}
	}
}

func (s *Subscription) pause(ctx context.Context, wait *backoff, why string, err error) bool {
	if ctx.Err() == nil {
		s.hub.cfg.Logger.Warn(why, "room", s.room.id, "user", s.user, "next", s.next, "error", err)
	}
	return sleep(ctx, wait.next())
}

// history returns frames from seq on, which must exist, from the nearest place that
// has them.
func (r *room) history(ctx context.Context, seq uint64) ([]frame, error) {
	if frames := r.ring.from(seq, r.hub.cfg.RingBytes); len(frames) > 0 {
		return frames, nil
	}
	return r.pages.from(ctx, seq, r.hub.metrics.pagesRead)
}
