package projector

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/redis/go-redis/v9"

	"confab/domain"
)

// DeadLetter is an entry of the log that was set aside.
type DeadLetter struct {
	ID      string  // in the partition's dead letters
	Entry   string  // its id in the log, where it is no more
	Reason  string  // malformed, undecodable, misplaced, diverged, implausible
	Payload []byte  // as it was in the log
	Fields  []Field // instead of Payload, when malformed
	uuid    string
}

// ListPoison returns up to limit dead letters of a partition that come after an id;
// "" is before the first.
func ListPoison(ctx context.Context, client redis.UniversalClient, p domain.Partition, after string, limit int) ([]DeadLetter, error) {
	from := "-"
	if after != "" {
		from = "(" + after
	}
	entries, err := client.XRangeN(ctx, p.DeadLetters(), from, "+", int64(limit)).Result()
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	letters := make([]DeadLetter, len(entries))
	for i, x := range entries {
		letters[i] = deadLetterOf(x)
	}
	return letters, nil
}

func deadLetterOf(x redis.XMessage) DeadLetter {
	msg := messageOf(redis.XMessage{ID: x.ID, Values: x.Values})
	letter := DeadLetter{ID: x.ID, Payload: msg.Payload, Reason: msg.Metadata.Get(PoisonReason),
		Entry: msg.Metadata.Get(EntryID), uuid: msg.UUID}
	if letter.Reason == string(malformed) {
		if fields, err := Fields(msg.Payload); err == nil {
			letter.Fields, letter.Payload = fields, nil
		}
	}
	return letter
}

// RetryPoison puts a dead letter back at the end of the log, as it was there: for
// after an update that can read it. If it still cannot be projected, or its place has
// a tombstone, it becomes a dead letter again. ErrNotFound when there is none.
func RetryPoison(ctx context.Context, client redis.UniversalClient, p domain.Partition, id string) error {
	entries, err := client.XRange(ctx, p.DeadLetters(), id, id).Result()
	if err != nil {
		return fmt.Errorf("read dead letter: %w", err)
	}
	if len(entries) == 0 {
		return fmt.Errorf("dead letter %s: %w", id, domain.ErrNotFound)
	}
	letter := deadLetterOf(entries[0])
	values := []any{redisstream.UUIDHeaderKey, letter.uuid, "metadata", "", "payload", letter.Payload}
	if letter.Fields != nil {
		values = values[:0]
		for _, f := range letter.Fields {
			values = append(values, f.Name, f.Value)
		}
	}
	_, err = client.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		tx.XAdd(ctx, &redis.XAddArgs{Stream: p.Log(), Values: values})
		tx.XDel(ctx, p.DeadLetters(), id)
		return nil
	})
	if err != nil {
		return fmt.Errorf("put dead letter back: %w", err)
	}
	return nil
}

// DropPoison removes a dead letter for ever. ErrNotFound when there is none.
func DropPoison(ctx context.Context, client redis.UniversalClient, p domain.Partition, id string) error {
	n, err := client.XDel(ctx, p.DeadLetters(), id).Result()
	if err != nil {
		return fmt.Errorf("drop dead letter: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("dead letter %s: %w", id, domain.ErrNotFound)
	}
	return nil
}
