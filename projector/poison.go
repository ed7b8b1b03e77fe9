package projector

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"

	"confab/domain"
)

// Metadata of a dead letter.
const (
	PoisonReason = "confab_reason" // why it is one
	EntryID      = "confab_entry"  // the id that it had in the log
)

type reason string

const (
	malformed   reason = "malformed"   // not watermill-redisstream's format
	undecodable reason = "undecodable" // not a canonical event
	misplaced   reason = "misplaced"   // an event of another partition
	diverged    reason = "diverged"    // its seq holds another event
	implausible reason = "implausible" // far beyond all that its room ever had
)

// poison is an entry of the log that cannot be projected, ever.
type poison struct {
	msg *message.Message
	why reason
}

// bury puts the entry's bytes into the dead letters. It may do so twice, after a
// crash, but not lose them: the entry is acked later.
func (w *worker) bury(ctx context.Context, p poison) error {
	entry := EntryIDFromCtx(p.msg.Context())
	err := w.insist(ctx, w.redis, func(ctx context.Context) error {
		letter := p.msg.Copy()
		delete(letter.Metadata, redisstream.UUIDHeaderKey) // the stock publisher refuses it
		letter.Metadata.Set(PoisonReason, string(p.why))
		letter.Metadata.Set(EntryID, entry)
		letter.SetContext(ctx)
		return w.dead.Publish(w.part.DeadLetters(), letter)
	})
	if err != nil {
		return fmt.Errorf("write dead letter: %w", err)
	}
	w.metrics.poison.WithLabelValues(string(p.why)).Inc()
	// The reason and the place, and nothing of the content.
	w.logger.Error("set aside an entry of the log", "entry", entry, "reason", string(p.why))
	return nil
}

// mark fills a room up to an event that nobody can read, when its opening still says
// where it belongs and Redis confirms that the room is that long. Else the next event
// of the room reveals the gap.
func (w *worker) mark(ctx context.Context, p poison) error {
	room, seq, ok := position(p.msg.Payload)
	if p.why != undecodable || !ok || domain.PartitionOf(room, w.cfg.Partitions) != w.part {
		return nil
	}
	head, err := w.head(ctx, room)
	if err != nil || seq <= head {
		return err
	}
	given, err := w.streamHead(ctx, room)
	if err != nil || given < seq {
		return err
	}
	return w.fill(ctx, room, head+1, seq)
}

// position reads room and seq off the canonical opening {"room":"R","seq":N, of a
// payload whose rest may be anything.
func position(payload []byte) (domain.RoomID, uint64, bool) {
	rest, ok := bytes.CutPrefix(payload, []byte(`{"room":"`))
	if !ok {
		return "", 0, false
	}
	room, rest, ok := bytes.Cut(rest, []byte(`","seq":`))
	if !ok || !domain.ValidID(string(room)) {
		return "", 0, false
	}
	digits, _, ok := bytes.Cut(rest, []byte(`,`))
	seq, err := strconv.ParseUint(string(digits), 10, 53)
	return domain.RoomID(room), seq, ok && err == nil && seq > 0
}
