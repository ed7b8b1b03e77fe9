package ingest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
	ctx  context.Context //nolint:containedctx // the caller's: when it has ended, the request is not sent
	kept string          // metadata for the log

	room, meta, channel string      // channel is empty unless the publisher is Live
	done                chan answer // of capacity 1
}

var requests = sync.Pool{New: func() any { return &request{done: make(chan answer, 1)} }}

func (p *Publisher) request(ctx context.Context, a Append, kept string) *request {
	r := requests.Get().(*request)
	*r = request{
		Append: a, ctx: ctx, kept: kept, done: r.done,
		room: domain.RoomKey(a.Log, a.Room), meta: domain.MetaKey(a.Log, a.Room),
	}
	if p.config.Live {
		r.channel = domain.LiveChannel(a.Log, a.Room)
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
	seq  uint64
	err  error
	send bool // no answer yet: it is the request's caller who sends next
}

// do hands a request to run, waits for its answer, and has the request for itself again.
func (p *Publisher) do(r *request) (uint64, error) {
	start := time.Now()
	a := p.wait(r)
	*r = request{done: r.done}
	requests.Put(r)
	p.metrics.observe(a.err, time.Since(start))
	return a.seq, a.err
}

// wait has the request sent. Who comes when nobody sends sends what is waiting as one
// pipeline, while the next one gathers, and leaves that to the first who waits for it: an
// append that comes alone is sent at once, by its caller.
func (p *Publisher) wait(r *request) answer {
	if err := r.ctx.Err(); err != nil {
		return answer{err: domain.Unavailable("the log", err)}
	}
	alone, open := p.put(r)
	if !open {
		return answer{err: ErrClosed}
	}
	if !alone {
		if a := <-r.done; !a.send {
			return a
		}
	}
	p.sendWaiting()
	return <-r.done
}

// put adds the request to those that wait, unless the publisher is closed. If nobody
// sends, the caller has to.
func (p *Publisher) put(r *request) (alone, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false, false
	}
	p.waiting = append(p.waiting, r)
	alone = !p.sending
	p.sending = true
	return alone, true
}

// passOn has the first who waits send, if there is one. Those whose time is up are answered.
func (p *Publisher) passOn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = slices.DeleteFunc(p.waiting, func(r *request) bool {
		err := r.ctx.Err()
		if err != nil {
			r.done <- answer{err: domain.Unavailable("the log", err)}
		}
		return err != nil
	})
	if len(p.waiting) > 0 {
		p.waiting[0].done <- answer{send: true}
		return
	}
	p.sending = false
	p.idle.Broadcast()
}

// sendWaiting sends the requests that wait, in order, up to a full batch, and answers them.
// Only who is to send may call it.
func (p *Publisher) sendWaiting() {
	defer p.passOn() // also when sending panics: nobody else may suffer
	batch := p.take()
	answers := p.answers[:0]
	for range batch {
		answers = append(answers, answer{err: errNotSent})
	}
	p.batch, p.answers = batch, answers
	defer func() {
		for i, r := range batch {
			r.done <- answers[i]
		}
		clear(batch) // nothing of them is kept alive
		clear(answers)
	}()
	p.send(batch, answers)
}

// errNotSent is the answer if sending panics.
var errNotSent = domain.Unavailable("the log", errors.New("sending it failed"))

// take takes what is to be sent next.
func (p *Publisher) take() []*request {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.waiting), p.config.MaxBatch)
	batch := append(p.batch[:0], p.waiting[:n]...)
	p.waiting = slices.Delete(p.waiting, 0, n)
	return batch
}

// run is what one run of the script is to do, and the places of its answers.
type run struct {
	requests []*request
	answers  []answer
}

func (r run) fail(err error) {
	for i := range r.answers {
		r.answers[i] = answer{err: err}
	}
}

// send has Redis answer the requests of the batch, which it reorders.
func (p *Publisher) send(batch []*request, answers []answer) {
	p.metrics.batch.Observe(float64(len(batch)))
	// Stable: two requests of one log stay in their order.
	slices.SortStableFunc(batch, func(a, b *request) int { return strings.Compare(a.Log, b.Log) })
	ctx, cancel := context.WithTimeout(context.Background(), p.config.Timeout)
	defer cancel()
	unknown := p.eval(ctx, runsOf(batch, answers))
	if len(unknown) == 0 {
		return
	}
	// Redis was restarted, or another node took over: it has not seen the script yet.
	err := appendScript.Load(ctx, p.redis).Err()
	if err == nil {
		unknown, err = p.eval(ctx, unknown), errScriptForgotten
	}
	for _, r := range unknown {
		r.fail(domain.Unavailable("the log", err))
	}
}

var errScriptForgotten = errors.New("the script was loaded and is unknown again")

// eval makes the runs in one pipeline. It returns those for which Redis did not know the
// script; they have changed nothing.
func (p *Publisher) eval(ctx context.Context, runs []run) (unknown []run) {
	pipe := p.redis.Pipeline()
	cmds := make([]*redis.Cmd, len(runs))
	args := p.args[:0]
	for i, r := range runs {
		from := len(args)
		args = appendArgs(args, r.requests)
		cmds[i] = redis.NewCmd(ctx, args[from:len(args):len(args)]...)
		cmds[i].SetFirstKeyPos(3)
		_ = pipe.Process(ctx, cmds[i])
	}
	_, _ = pipe.Exec(ctx) // every command has its own error
	clear(args)           // nothing of them is kept alive
	p.args = args
	for i, r := range runs {
		replies, err := cmds[i].Slice()
		switch {
		case err == nil && len(replies) == len(r.answers):
			for j := range replies {
				r.answers[j].seq, r.answers[j].err = parse(replies[j])
			}
		case err == nil:
			r.fail(fmt.Errorf("append script gave %d answers to %d", len(replies), len(r.answers)))
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
			unknown = append(unknown, r)
		default:
			r.fail(redisError(err))
		}
	}
	return unknown
}

// maxScript bounds the requests in one run of the script, in which Redis does nothing
// else: about 1 ms. Longer ones save no more.
const maxScript = 64

// runsOf cuts a batch in the order of its logs into a run for each log, and another for
// each maxScript requests.
func runsOf(batch []*request, answers []answer) (runs []run) {
	for len(batch) > 0 {
		n := 1
		for n < min(len(batch), maxScript) && batch[n].Log == batch[0].Log {
			n++
		}
		runs = append(runs, run{batch[:n], answers[:n]})
		batch, answers = batch[n:], answers[n:]
	}
	return runs
}

// appendArgs appends the command that runs the script for requests of one log. A pointer
// becomes the argument that it points to, without an allocation for each.
func appendArgs(args []any, requests []*request) []any {
	args = append(args, "evalsha", appendScript.Hash(), 1+2*len(requests), requests[0].Log)
	for _, r := range requests {
		args = append(args, &r.room, &r.meta)
	}
	for _, r := range requests {
		opening, rest := r.around()
		var expect any = ""
		if !r.AnyState {
			expect = &r.State
		}
		args = append(args, &r.channel, &r.Key, &r.Floor, expect, &r.Checked, r.ChangesRoom, &r.ID, &r.kept, opening, rest)
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
