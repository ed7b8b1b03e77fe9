package ingest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"confab/domain"
)

//go:embed append.lua
var appendSource string

var appendScript = redis.NewScript(appendSource)

// request is one append on its way to Redis.
type request struct {
	Append
	kept string // metadata for the log

	room, meta, channel string          // channel is empty unless the publisher is Live
	expect              string          // State, or empty for AnyState
	gaveUp              <-chan struct{} // closed when nobody waits for the answer any more
	done                chan answer     // of capacity 1
}

func (p *Publisher) request(ctx context.Context, a Append, kept string) *request {
	r := &request{
		Append: a, kept: kept, room: domain.RoomKey(a.Log, a.Room), meta: domain.MetaKey(a.Log, a.Room),
		gaveUp: ctx.Done(), done: make(chan answer, 1),
	}
	if p.config.Live {
		r.channel = domain.LiveChannel(a.Log, a.Room)
	}
	if !a.AnyState {
		r.expect = strconv.FormatUint(a.State, 10)
	}
	return r
}

// around returns what of the payload stands before the seq and what behind it, which is
// nothing if no seq belongs there.
func (r *request) around() (opening, rest []byte) {
	if r.SeqAt == 0 {
		return r.Payload, nil
	}
	return r.Payload[:r.SeqAt], r.Payload[r.SeqAt:]
}

type answer struct {
	seq uint64
	err error
}

// do hands a request to run and waits for its answer.
func (p *Publisher) do(ctx context.Context, r *request) (uint64, error) {
	start := time.Now()
	a := p.wait(ctx, r)
	p.metrics.observe(a.err, time.Since(start))
	return a.seq, a.err
}

// wait has the request sent. Whoever gets the turn sends what is waiting, his own and
// others', as one pipeline, while the next one gathers: an append that comes alone is sent
// at once, by its caller.
func (p *Publisher) wait(ctx context.Context, r *request) answer {
	if !p.put(r) {
		return answer{err: ErrClosed}
	}
	for {
		select {
		case a := <-r.done:
			return a
		case <-p.turn:
			p.useTurn(r)
		case <-ctx.Done():
			return answer{err: domain.Unavailable("the log", ctx.Err())}
		}
	}
}

// useTurn sends what waits, unless r was answered meanwhile, and gives the turn back.
func (p *Publisher) useTurn(r *request) {
	defer func() { p.turn <- struct{}{} }() // also when sending panics: nobody else may suffer
	if len(r.done) == 0 {
		p.sendWaiting()
	}
}

// put adds the request to those that wait, unless the publisher is closed.
func (p *Publisher) put(r *request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.waiting = append(p.waiting, r)
	return true
}

// sendWaiting sends the requests that wait, in order, up to a full batch, and reports
// whether there were any. It needs the turn.
func (p *Publisher) sendWaiting() bool {
	p.mu.Lock()
	n := min(len(p.waiting), p.config.MaxBatch)
	batch := append(p.batch[:0], p.waiting[:n]...)
	p.waiting = slices.Delete(p.waiting, 0, n)
	p.mu.Unlock()
	p.batch = batch
	p.send(batch)
	clear(batch) // nothing of them is kept alive
	return n > 0
}

// send answers all requests of the batch but those whose caller has given up, which it
// leaves out.
func (p *Publisher) send(batch []*request) {
	batch = slices.DeleteFunc(batch, func(r *request) bool {
		select {
		case <-r.gaveUp:
			return true
		default:
			return false
		}
	})
	if len(batch) == 0 {
		return
	}
	p.metrics.batch.Observe(float64(len(batch)))
	ctx, cancel := context.WithTimeout(context.Background(), p.config.Timeout)
	defer cancel()
	unknown := p.eval(ctx, batch)
	if len(unknown) == 0 {
		return
	}
	// Redis was restarted, or another node took over: it has not seen the script yet.
	err := appendScript.Load(ctx, p.redis).Err()
	if err == nil {
		unknown, err = p.eval(ctx, unknown), errScriptForgotten
	}
	answerAll(unknown, answer{err: domain.Unavailable("the log", err)})
}

func answerAll(requests []*request, a answer) {
	for _, r := range requests {
		r.done <- a
	}
}

var errScriptForgotten = errors.New("the script was loaded and is unknown again")

// eval runs the script once for each log of the batch (and once more for each maxScript
// requests), in one pipeline. It answers the requests, and returns those for which Redis
// did not know the script; they have changed nothing.
func (p *Publisher) eval(ctx context.Context, batch []*request) (unknown []*request) {
	// Stable: two requests of one log stay in their order.
	slices.SortStableFunc(batch, func(a, b *request) int { return strings.Compare(a.Log, b.Log) })
	pipe := p.redis.Pipeline()
	parts := scriptsOf(batch)
	cmds := make([]*redis.Cmd, len(parts))
	for i, part := range parts {
		cmds[i] = redis.NewCmd(ctx, scriptArgs(part)...)
		cmds[i].SetFirstKeyPos(3)
		_ = pipe.Process(ctx, cmds[i])
	}
	_, _ = pipe.Exec(ctx) // every command has its own error
	for i, part := range parts {
		replies, err := cmds[i].Slice()
		switch {
		case err == nil && len(replies) == len(part):
			for j, r := range part {
				var a answer
				a.seq, a.err = parse(replies[j])
				r.done <- a
			}
		case err == nil:
			answerAll(part, answer{err: fmt.Errorf("append script gave %d answers to %d", len(replies), len(part))})
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
			unknown = append(unknown, part...)
		default:
			answerAll(part, answer{err: redisError(err)})
		}
	}
	return unknown
}

// maxScript bounds the requests in one run of the script, in which Redis does nothing
// else: about 1 ms. Longer ones save no more.
const maxScript = 64

// scriptsOf cuts a batch in the order of its logs into runs of the script.
func scriptsOf(batch []*request) (parts [][]*request) {
	for len(batch) > 0 {
		n := 1
		for n < min(len(batch), maxScript) && batch[n].Log == batch[0].Log {
			n++
		}
		parts = append(parts, batch[:n])
		batch = batch[n:]
	}
	return parts
}

// scriptArgs returns the command that runs the script for requests of one log. A pointer
// becomes the argument that it points to, without an allocation for each.
func scriptArgs(requests []*request) []any {
	args := make([]any, 0, 4+12*len(requests))
	args = append(args, "evalsha", appendScript.Hash(), 1+2*len(requests), requests[0].Log)
	for _, r := range requests {
		args = append(args, &r.room, &r.meta)
	}
	for _, r := range requests {
		opening, rest := r.around()
		args = append(args, &r.channel, &r.Key, &r.Floor, &r.expect, &r.Checked, r.ChangesRoom, &r.ID, &r.kept, opening, rest)
	}
	return args
}

// redisError tells Redis refusing or not answering, which passes, from a defect of
// ours or of the keys.
func redisError(err error) error {
	text := err.Error()
	if strings.HasPrefix(text, "WRONGTYPE") || strings.HasPrefix(text, "ERR") && strings.Contains(text, "script") {
		return fmt.Errorf("append script: %w", err)
	}
	return domain.Unavailable("the log", err)
}
