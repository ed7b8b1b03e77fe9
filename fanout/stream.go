package fanout

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"confab/domain"
)

// Stream reads the hot windows of rooms from Redis. It implements domain.Stream.
type Stream struct {
	client     redis.UniversalClient
	partitions int
}

// NewStream returns the rooms' streams as they are spread over the partitions.
func NewStream(client redis.UniversalClient, partitions int) *Stream {
	return &Stream{client: client, partitions: partitions}
}

// headsBatch bounds a pipeline, since Redis is to answer all of it in time.
const headsBatch = 1000

// Heads asks for many rooms in few round trips.
func (s *Stream) Heads(ctx context.Context, rooms ...domain.RoomID) ([]uint64, error) {
	heads := make([]uint64, 0, len(rooms))
	for some := range slices.Chunk(rooms, headsBatch) {
		batch, err := s.heads(ctx, some)
		if err != nil {
			return nil, fmt.Errorf("read heads: %w", err)
		}
		heads = append(heads, batch...)
	}
	return heads, nil
}

func (s *Stream) heads(ctx context.Context, rooms []domain.RoomID) ([]uint64, error) {
	p := s.client.Pipeline()
	answers := make([]*redis.StringCmd, len(rooms))
	for i, room := range rooms {
		answers[i] = p.HGet(ctx, domain.PartitionOf(room, s.partitions).Meta(room), "head")
	}
	_, _ = p.Exec(ctx) // its error is that of an answer
	heads := make([]uint64, len(rooms))
	for i, answer := range answers {
		// A room in whose place somebody has put something else has none; the others have theirs.
		head, err := answer.Uint64()
		if err != nil && !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "WRONGTYPE") {
			return nil, fmt.Errorf("head of room %s: %w", rooms[i], err)
		}
		heads[i] = head
	}
	return heads, nil
}

// Range stops before a hole in the stream, if there should be one: what follows it
// is found by asking for it.
func (s *Stream) Range(ctx context.Context, room domain.RoomID, after uint64, limit int) ([]domain.Record, error) {
	if after == math.MaxUint64 || limit < 1 {
		return nil, nil
	}
	key := domain.PartitionOf(room, s.partitions).Room(room)
	entries, err := s.client.XRangeN(ctx, key, "0-"+strconv.FormatUint(after+1, 10), "+", int64(limit)).Result()
	if err != nil {
		return nil, fmt.Errorf("read stream of room %s: %w", room, err)
	}
	records := make([]domain.Record, 0, len(entries))
	for i, entry := range entries {
		rec, err := recordOf(room, entry)
		if err != nil {
			return nil, err
		}
		if i > 0 && rec.Seq != records[i-1].Seq+1 {
			break
		}
		records = append(records, rec)
	}
	return records, nil
}

func recordOf(room domain.RoomID, entry redis.XMessage) (domain.Record, error) {
	ms, seq, _ := strings.Cut(entry.ID, "-")
	n, err := strconv.ParseUint(seq, 10, 64)
	payload, ok := entry.Values["payload"].(string)
	if ms != "0" || err != nil || !ok {
		return domain.Record{}, fmt.Errorf("stream of room %s: entry %q is not one of ours", room, entry.ID)
	}
	return domain.Record{Room: room, Seq: n, Payload: []byte(payload)}, nil
}
