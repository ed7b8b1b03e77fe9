package ingest

import (
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

// The metadata with which a message tells the Publisher what to do with it. All but
// MetaRoom may be absent. It goes no further: the log holds the other metadata only.
const (
	MetaRoom        = "confab_room"         // whose event this is
	MetaKeyField    = "confab_key_field"    // domain.KeyField; absent: no idempotency
	MetaFloor       = "confab_floor"        // a seq that was issued for certain
	MetaExpect      = "confab_expect"       // seq of the state it was decided on; absent: any
	MetaChecked     = "confab_checked"      // the archive has no event with this key before this seq
	MetaChangesRoom = "confab_changes_room" // "1": it changes the room's state
	MetaSeqAt       = "confab_seq_at"       // where in the payload the seq belongs; absent: nowhere

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
// the key in the archive and publish again with MetaChecked = Since.
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
	// MaxBatch bounds the appends in one pipeline, and those waiting for the next one;
	// further callers wait in Publish. Default 256.
	MaxBatch int
	// Timeout is how long one pipeline may take. Default 3 s.
	Timeout time.Duration

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Publisher is a message.Publisher whose topic is a partition's log
// (domain.Partition.Log) and whose Publish is the atomic append. It is safe for
// concurrent use, and concurrent calls share round trips to Redis.
type Publisher struct {
	redis   redis.UniversalClient
	config  PublisherConfig
	metrics *publisherMetrics

	queue   chan *request
	close   func()
	closing chan struct{}
	stopped chan struct{}
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher returns a Publisher on client, which should not retry by itself
// (MaxRetries -1). Close it; the client stays the caller's.
func NewPublisher(client redis.UniversalClient, config PublisherConfig) (*Publisher, error) {
	if client == nil {
		return nil, errors.New("new publisher: no redis client")
	}
	if config.MaxBatch <= 0 {
		config.MaxBatch = 256
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
	p := &Publisher{
		redis: client, config: config, metrics: metrics,
		queue:   make(chan *request, config.MaxBatch),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	p.close = sync.OnceFunc(func() { close(p.closing) })
	go p.run()
	return p, nil
}

// Publish appends the messages to the room that their metadata names, one after the
// other, and stops at the first that is not appended. It returns when Redis has
// answered: nil, a *DuplicateError, *StaleError, *AskError or ErrBehind, in which
// cases nothing was appended; or a CodeUnavailable error, and then the event may
// have been appended or not: publish it again with the same key to find out.
//
// The message's context bounds the wait.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	for _, m := range messages {
		r, err := p.request(topic, m)
		if err != nil {
			return err
		}
		seq, err := p.append(m.Context(), r)
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
	p.close()
	<-p.stopped
	return nil
}

func (p *Publisher) request(log string, m *message.Message) (*request, error) {
	meta := m.Metadata
	room := domain.RoomID(meta.Get(MetaRoom))
	if !domain.ValidID(string(room)) {
		return nil, fmt.Errorf("publish message %s: metadata %s is not a room id", m.UUID, MetaRoom)
	}
	channel := ""
	if p.config.Live {
		channel = domain.LiveChannel(log, room)
	}
	kept, err := keptMetadata(log, m)
	if err != nil {
		return nil, fmt.Errorf("publish message %s: %w", m.UUID, err)
	}
	return &request{
		gaveUp: m.Context().Done(),
		keys:   []string{domain.RoomKey(log, room), domain.MetaKey(log, room), log},
		args: []any{
			channel, meta.Get(MetaKeyField), orZero(meta.Get(MetaFloor)), meta.Get(MetaExpect),
			orZero(meta.Get(MetaChecked)), meta.Get(MetaChangesRoom), m.UUID, kept, []byte(m.Payload), meta.Get(MetaSeqAt),
		},
		done: make(chan answer, 1),
	}, nil
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// keptMetadata returns what the log's field "metadata" is to hold, as
// watermill-redisstream would write it, or "" if there is nothing to keep.
func keptMetadata(log string, m *message.Message) (any, error) {
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
	return values["metadata"], err
}

// parse turns the script's answer into the seq and the error that Publish returns.
func parse(answer []any) (uint64, error) {
	field := func(i int) string {
		if i >= len(answer) {
			return ""
		}
		s, _ := answer[i].(string)
		return s
	}
	n, err := strconv.ParseUint(orZero(field(1)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("append script answered %q", answer)
	}
	switch field(0) {
	case "ok":
		return n, nil
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
	return 0, fmt.Errorf("append script answered %q", answer)
}
