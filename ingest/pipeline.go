package ingest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
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
	gaveUp <-chan struct{} // closed when nobody waits for the answer any more
	keys   []string
	args   []any
	done   chan answer // of capacity 1
}

type answer struct {
	seq uint64
	err error
}

// append hands a request to run and waits for its answer.
func (p *Publisher) append(ctx context.Context, r *request) (uint64, error) {
	start := time.Now()
	a := p.wait(ctx, r)
	p.metrics.observe(a.err, time.Since(start))
	return a.seq, a.err
}

func (p *Publisher) wait(ctx context.Context, r *request) answer {
	select {
	case <-p.closing:
		return answer{err: ErrClosed}
	default:
	}
	select {
	case p.queue <- r:
	case <-p.closing:
		return answer{err: ErrClosed}
	case <-ctx.Done():
		return answer{err: domain.Unavailable("the log", ctx.Err())}
	}
	select {
	case a := <-r.done:
		return a
	case <-ctx.Done():
		return answer{err: domain.Unavailable("the log", ctx.Err())}
	case <-p.stopped: // it came when run had looked into the queue for the last time
		select {
		case a := <-r.done:
			return a
		default:
			return answer{err: ErrClosed}
		}
	}
}

// run sends what is waiting as one pipeline, and gathers the next one meanwhile. An
// append that comes alone is sent alone, at once.
func (p *Publisher) run() {
	defer close(p.stopped)
	batch := make([]*request, 0, p.config.MaxBatch)
	for {
		batch = batch[:0]
		select {
		case r := <-p.queue:
			batch = append(batch, r)
		case <-p.closing:
		}
		batch = p.fill(batch)
		if len(batch) == 0 {
			return // closing, and nothing is waiting
		}
		p.send(batch)
		clear(batch)
	}
}

// fill adds what is waiting now, up to a full batch. Those whose caller has given up
// are left out.
func (p *Publisher) fill(batch []*request) []*request {
	for len(batch) < p.config.MaxBatch {
		select {
		case r := <-p.queue:
			select {
			case <-r.gaveUp:
			default:
				batch = append(batch, r)
			}
		default:
			return batch
		}
	}
	return batch
}

// send answers all requests of the batch.
func (p *Publisher) send(batch []*request) {
	p.metrics.batch.Observe(float64(len(batch)))
	ctx, cancel := context.WithTimeout(context.Background(), p.config.Timeout)
	defer cancel()
	unknown := p.eval(ctx, batch)
	if len(unknown) == 0 {
		return
	}
	// Redis was restarted, or another node took over: it has not seen the script yet.
	if err := appendScript.Load(ctx, p.redis).Err(); err != nil {
		for _, r := range unknown {
			r.done <- answer{err: domain.Unavailable("the log", err)}
		}
		return
	}
	for _, r := range p.eval(ctx, unknown) {
		r.done <- answer{err: domain.Unavailable("the log", errScriptForgotten)}
	}
}

var errScriptForgotten = errors.New("the script was loaded and is unknown again")

// eval runs the script for each request in one pipeline, answers the requests, and
// returns those for which Redis did not know the script; they have changed nothing.
func (p *Publisher) eval(ctx context.Context, batch []*request) (unknown []*request) {
	pipe := p.redis.Pipeline()
	cmds := make([]*redis.Cmd, len(batch))
	for i, r := range batch {
		cmds[i] = pipe.EvalSha(ctx, appendScript.Hash(), r.keys, r.args...)
	}
	_, _ = pipe.Exec(ctx) // every command has its own error
	for i, r := range batch {
		reply, err := cmds[i].Slice()
		switch {
		case err == nil:
			var a answer
			a.seq, a.err = parse(reply)
			r.done <- a
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
			unknown = append(unknown, r)
		default:
			r.done <- answer{err: redisError(err)}
		}
	}
	return unknown
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
