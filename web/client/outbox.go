package client

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"confab/domain"
	"confab/web/frames"
)

// Ack is the result of a send.
type Ack struct {
	Seq       uint64
	At        domain.Time
	Duplicate bool // the key was known: this is the first result
}

type result struct {
	ack Ack
	err error
}

// outgoing is a message that was not acked yet.
type outgoing struct {
	room      domain.RoomID
	key, body string
	id        string // of the frame that carried it last
	result    chan result
}

// Send posts a message and waits for its ack, through as many connections as it
// takes. key "" means a new one; a caller that wants to send again after its own
// restart makes keys itself (NewKey) and keeps them.
//
// The error is a *domain.Error when the server refused, or would, since it can be no message.
// When ctx ends first, whether the message was posted is not known: sending again under the
// same key tells.
//
// Messages of concurrent Sends may overtake each other.
func (c *Client) Send(ctx context.Context, room domain.RoomID, key, body string) (Ack, error) {
	if key == "" {
		key = NewKey()
	}
	// Not left to the server: it never hears of broken UTF-8, for which JSON has U+FFFD, and
	// what is beyond all limits ends the connection, and with it the client (4009).
	if err := cmp.Or(domain.CheckKey(key), domain.CheckBody(body)); err != nil {
		return Ack{}, err
	}
	o := &outgoing{room: room, key: key, body: body, result: make(chan result, 1)}
	c.mu.Lock()
	if c.err != nil {
		defer c.mu.Unlock()
		return Ack{}, c.err
	}
	c.outbox = append(c.outbox, o)
	c.transmit(o)
	c.mu.Unlock()
	select {
	case r := <-o.result:
		return r.ack, r.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(o)
	select {
	case r := <-o.result: // it came at the last moment
		return r.ack, r.err
	default:
		return Ack{}, ctx.Err()
	}
}

// transmit sends a message that waits, if it still does.
func (c *Client) transmit(o *outgoing) {
	if !slices.Contains(c.outbox, o) {
		return
	}
	o.id = c.newID()
	c.write(frames.Send{ID: o.id, Room: o.room, Key: o.key, Body: o.body})
}

func (c *Client) acked(f frames.Ack) {
	for _, o := range c.outbox {
		if o.id == f.ID {
			c.settle(o, result{ack: Ack{Seq: f.Seq, At: f.At, Duplicate: f.Duplicate}})
			return
		}
	}
}

func (c *Client) settle(o *outgoing, r result) {
	c.remove(o)
	o.result <- r
}

func (c *Client) remove(o *outgoing) {
	if i := slices.Index(c.outbox, o); i >= 0 {
		c.outbox = slices.Delete(c.outbox, i, i+1)
	}
}

// NewKey returns an idempotency key: a UUIDv7 (RFC 9562, section 5.7).
func NewKey() string { return uuid.Must(uuid.NewV7()).String() }
