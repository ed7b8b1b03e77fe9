package fanout

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"confab/domain"
)

// Timeline reads any part of a room's sequence, from the room's stream in Redis
// while it is there and from the archive for ever. It implements domain.Timeline.
//
// The projector trims streams meanwhile, but only below what is archived. So what is
// not in the stream at one moment is in the archive at any later one: wherever the
// order of the two reads matters, the stream is read first.
type Timeline struct {
	stream  domain.Stream // nil: the archive is all there is
	archive domain.Archive

	mu sync.Mutex
	// trimmed holds for some rooms a seq that was not in the stream any more, so that
	// a long replay does not ask Redis for each page in vain. Just a hint.
	trimmed map[domain.RoomID]uint64
}

// NewTimeline splices a stream and an archive. stream is nil where only what is
// archived may be seen, as in the embedded mode.
func NewTimeline(stream domain.Stream, archive domain.Archive) *Timeline {
	return &Timeline{stream: stream, archive: archive, trimmed: map[domain.RoomID]uint64{}}
}

// Heads asks the archive only about rooms that Redis does not hold. When the archive is away,
// the error is for them alone.
func (t *Timeline) Heads(ctx context.Context, rooms ...domain.RoomID) ([]uint64, error) {
	heads := make([]uint64, len(rooms))
	if t.stream != nil {
		var err error
		if heads, err = t.stream.Heads(ctx, rooms...); err != nil {
			return nil, err
		}
	}
	for i, head := range heads {
		if head > 0 {
			continue
		}
		archived, err := t.archive.Head(ctx, rooms[i])
		if err != nil {
			return heads, fmt.Errorf("read archive: %w", err)
		}
		heads[i] = archived
	}
	return heads, nil
}

// Range may return less than limit although there is more; it returns nothing only
// at the end.
func (t *Timeline) Range(ctx context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	if limit < 1 || after == math.MaxUint64 {
		return nil, nil
	}
	if t.stream == nil {
		return t.archived(ctx, room, after, limit)
	}
	if after < t.trimmedTo(room) {
		if old, err := t.archived(ctx, room, after, limit); err != nil || len(old) > 0 {
			return old, err
		}
	}
	hot, err := t.stream.Range(ctx, room, after, limit)
	if err == nil && len(hot) > 0 && hot[0].Seq == after+1 {
		return hot, nil
	}
	old, archiveErr := t.archived(ctx, room, after, limit)
	switch {
	case archiveErr != nil:
		return nil, errors.Join(archiveErr, err)
	case err != nil && len(old) == 0: // Redis is away: it may be the end, or not
		return nil, err
	case err != nil || len(hot) == 0:
		return old, nil //nolint:nilerr // the archive has what was asked for
	case len(old) == 0:
		return nil, fmt.Errorf("room %s: events %d to %d are neither in redis nor archived", room, after+1, hot[0].Seq-1)
	}
	t.noteTrimmed(room, hot[0].Seq-1)
	return splice(old, hot, limit), nil
}

// splice appends the part of hot that continues old, if it does.
func splice(old, hot []domain.Record, limit int) []domain.Record {
	next := old[len(old)-1].Seq + 1
	if next < hot[0].Seq || next-hot[0].Seq >= uint64(len(hot)) || len(old) >= limit {
		return old
	}
	hot = hot[next-hot[0].Seq:]
	return append(old, hot[:min(len(hot), limit-len(old))]...)
}

func (t *Timeline) archived(ctx context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	records, err := t.archive.Range(ctx, room, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	for i, rec := range records {
		if rec.Seq != after+1+uint64(i) {
			return nil, fmt.Errorf("archive of room %s: event %d is missing before %d", room, after+1+uint64(i), rec.Seq)
		}
	}
	return records, nil
}

func (t *Timeline) trimmedTo(room domain.RoomID) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trimmed[room]
}

func (t *Timeline) noteTrimmed(room domain.RoomID, seq uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.trimmed) >= 4096 {
		clear(t.trimmed)
	}
	t.trimmed[room] = max(t.trimmed[room], seq)
}
