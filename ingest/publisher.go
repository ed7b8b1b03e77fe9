package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"confab/domain"
)

// Append is an event to be appended, and on what conditions.
type Append struct {
	Log     string // of the room's partition
	Room    domain.RoomID
	ID      string // the UUID that it has as a Watermill message
	Payload []byte
	SeqAt   int    // where in the payload, before its end, the seq belongs; 0: nowhere
	Key     string // domain.KeyField; empty: no idempotency

	Floor    uint64 // a seq that was issued for certain
	Checked  uint64 // the archive has no event with this key before this seq
	State    uint64 // seq of the state that it was decided on
	AnyState bool   // State is no condition

	ChangesRoom bool // it changes the room's state
}

// The metadata with which a message tells the Publisher what to do with it: the fields of
// Append. All but MetaRoom may be absent. It goes no further: the log holds the other
// metadata only.
const (
	MetaRoom        = "confab_room"
	MetaKeyField    = "confab_key_field"
	MetaFloor       = "confab_floor"
	MetaExpect      = "confab_expect" // State; absent: AnyState
	MetaChecked     = "confab_checked"
	MetaChangesRoom = "confab_changes_room" // "1"
	MetaSeqAt       = "confab_seq_at"

	// MetaSeq is set by Publish: the seq that the event has, also when it is a duplicate.
	MetaSeq = "confab_seq"

	metaPrefix = "confab_"
)

// DuplicateError: the key was used before, and nothing was appended. Payload is the
// event that it was used for, nil if the room's stream no longer holds it.
type DuplicateError struct {
	Seq     uint64
	Payload []byte
}

func (e *DuplicateError) Error() string { return fmt.Sprintf("the key was used for event %d", e.Seq) }

// StaleError: the state that the command was decided on has been changed, last by
// event State. Decide again.
type StaleError struct{ State uint64 }

func (e *StaleError) Error() string {
	return fmt.Sprintf("event %d changed the room meanwhile", e.State)
}

// AskError: Redis knows the keys of events from Since on; look for an older use of
// the key in the archive and append again with Checked = Since.
type AskError struct{ Since uint64 }

func (e *AskError) Error() string {
	return fmt.Sprintf("keys before event %d are in the archive only", e.Since)
}

// ErrBehind: Redis has forgotten events of the room. Repair it and publish again.
var ErrBehind = errors.New("the room in Redis is incomplete")

// ErrClosed is returned by Publish after Close. Nothing was appended.
var ErrClosed = errors.New("publisher is closed")

// PublisherConfig configures a Publisher. The zero value is good.
type PublisherConfig struct {
	// Live also publishes each event on the room's live channel, in the same step.
	// Without it, an event becomes visible in another way, once it is durable.
	Live bool
	// MaxBatch bounds the appends in one pipeline. Default 512.
	MaxBatch int
	// Timeout is how long one pipeline may take. Default 3 s.
	Timeout time.Duration

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Publisher is a message.Publisher whose topic is a partition's log
// (domain.Partition.Log) and whose Publish is the atomic append, which Append is without
// Watermill. It is safe for concurrent use, and concurrent calls share round trips to Redis.
type Publisher struct {
	redis   redis.UniversalClient
	config  PublisherConfig
	metrics *publisherMetrics

	mu      sync.Mutex
	waiting []*request
	sending bool      // somebody sends, or was told to
	idle    sync.Cond // of mu: sending has become false
	closed  bool

	// Scratch of who sends:
	batch   []*request
	answers []answer
	args    []any
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher returns a Publisher on client, which should not retry by itself
// (MaxRetries -1). Close it; the client stays the caller's.
func NewPublisher(client redis.UniversalClient, config PublisherConfig) (*Publisher, error) {
	if client == nil {
		return nil, errors.New("new publisher: no redis client")
	}
	if config.MaxBatch <= 0 {
		config.MaxBatch = 512
	}
	if config.Timeout <= 0 {
		config.Timeout = 3 * time.Second
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	metrics, err := newPublisherMetrics(config.Registerer)
	if err != nil {
		return nil, fmt.Errorf("new publisher: %w", err)
	}
	p := &Publisher{redis: client, config: config, metrics: metrics}
	p.idle.L = &p.mu
	return p, nil
}

// Append appends an event and returns when Redis has answered: with the seq, or with a
// *DuplicateError (and the first event's seq), *StaleError, *AskError or ErrBehind, in
// which cases nothing was appended; or with a CodeUnavailable error, and then the event may
// have been appended or not: append it again with the same key to find out. After ctx has ended
// it returns within Timeout: what is on its way is waited for.
func (p *Publisher) Append(ctx context.Context, a Append) (seq uint64, err error) {
	if err := a.check(); err != nil {
		return 0, err
	}
	return p.do(p.request(ctx, a, ""))
}

// Publish is Append for the messages, to the rooms that their metadata names, one after the
// other; it stops at the first that is not appended. A message's context bounds the wait.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		a, kept, err := appendOf(topic, m)
		if err != nil {
			return fmt.Errorf("publish message %s: %w", m.UUID, err)
		}
		seq, err := p.do(p.request(m.Context(), a, kept))
		if seq != 0 {
			m.Metadata.Set(MetaSeq, strconv.FormatUint(seq, 10))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Close waits for the appends that were accepted and refuses others. It is idempotent.
func (p *Publisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for p.sending {
		p.idle.Wait()
	}
	return nil
}

func (a Append) check() error {
	if !domain.ValidID(string(a.Room)) {
		return fmt.Errorf("%s %q is not a room id", MetaRoom, a.Room)
	}
	if a.SeqAt < 0 || a.SeqAt > 0 && a.SeqAt >= len(a.Payload) {
		return fmt.Errorf("%s %d is no place in the payload", MetaSeqAt, a.SeqAt)
	}
	return nil
}

// appendOf returns what a message asks for, and what of its metadata goes into the log.
func appendOf(log string, m *message.Message) (a Append, kept string, err error) {
	meta := m.Metadata
	number := func(name string) uint64 {
		n, parseErr := strconv.ParseUint(orZero(meta.Get(name)), 10, 64)
		if parseErr != nil {
			err = fmt.Errorf("metadata %s: %w", name, parseErr)
		}
		return n
	}
	a = Append{
		Log: log, Room: domain.RoomID(meta.Get(MetaRoom)), ID: m.UUID, Payload: m.Payload, SeqAt: int(number(MetaSeqAt)),
		Key: meta.Get(MetaKeyField), Floor: number(MetaFloor), Checked: number(MetaChecked),
		State: number(MetaExpect), AnyState: meta.Get(MetaExpect) == "", ChangesRoom: meta.Get(MetaChangesRoom) == "1",
	}
	if err == nil {
		err = a.check()
	}
	if err == nil {
		kept, err = keptMetadata(log, m)
	}
	return a, kept, err
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// keptMetadata returns what the log's field "metadata" is to hold, as
// watermill-redisstream would write it, or "" if there is nothing to keep.
func keptMetadata(log string, m *message.Message) (string, error) {
	kept := message.Metadata{}
	for k, v := range m.Metadata {
		if !strings.HasPrefix(k, metaPrefix) {
			kept[k] = v
		}
	}
	if len(kept) == 0 {
		return "", nil
	}
	plain := message.NewMessage(m.UUID, nil)
	plain.Metadata = kept
	values, err := redisstream.DefaultMarshallerUnmarshaller{}.Marshal(log, plain)
	encoded, _ := values["metadata"].([]byte)
	return string(encoded), err
}

// parse turns the script's answer into the seq and the error that Publish returns.
func parse(reply any) (uint64, error) {
	if seq, ok := reply.(int64); ok {
		return uint64(seq), nil
	}
	answer, _ := reply.([]any)
	field := func(i int) string {
		if i >= len(answer) {
			return ""
		}
		s, _ := answer[i].(string)
		return s
	}
	if field(0) == "error" {
		return 0, redisError(errors.New(field(1)))
	}
	n, err := strconv.ParseUint(orZero(field(1)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("append script answered %q", reply)
	}
	switch field(0) {
	case "dup":
		d := &DuplicateError{Seq: n}
		if payload := field(2); payload != "" {
			d.Payload = []byte(payload)
		}
		return n, d
	case "ask":
		return 0, &AskError{Since: n}
	case "stale":
		return 0, &StaleError{State: n}
	case "behind":
		return 0, ErrBehind
	}
	return 0, fmt.Errorf("append script answered %q", reply)
}
