package web

import (
	"runtime"

	"confab/web/uring"
)

const (
	outboxBatch = 32  // connections that are written to at a time: more save no more
	outboxSize  = 128 // that wait for it; then who adds waits, too
)

// outbox writes for connections, to many with one system call: a fan-out is as many writes
// as there are receivers, and little else. Its goroutine, run, takes what has gathered while
// it wrote, so what comes alone is written at once. It never waits for a socket, and so
// nobody who adds waits for long.
type outbox struct {
	ring  *uring.Ring
	added chan *backlog

	// Of the goroutine alone:
	batch   []*backlog
	again   []*backlog       // for whom more has come meanwhile
	sends   []uring.Transfer // for each of the batch
	buffers []*[]byte        // the memory of each, of corkBuffers; nil: it is somebody else's
	hold    func(fd uintptr) // made once
}

const noSocket = ^uintptr(0)

// outboxes are as many as processors.
type outboxes []*outbox

var makeRing = uring.New // tests do without

// newOutboxes returns none where there is no ring: with a system call for each connection
// they would not pay.
func newOutboxes() (boxes outboxes) {
	for range runtime.GOMAXPROCS(0) {
		ring, err := makeRing(outboxBatch)
		if err != nil {
			break // a few are as good
		}
		boxes = append(boxes, newOutbox(ring))
	}
	return boxes
}

func newOutbox(ring *uring.Ring) *outbox {
	o := &outbox{ring: ring, added: make(chan *backlog, outboxSize)}
	o.hold = func(fd uintptr) {
		o.sends[len(o.sends)-1].FD = fd
		o.prepare()
	}
	return o
}

// add has what waits in b written, once: by the first that has not much to do, so that a few
// take one system call and wake one goroutine, else by the one that has least.
func (boxes outboxes) add(b *backlog) {
	to := boxes[0]
	for _, o := range boxes {
		if len(to.added) < outboxBatch/2 {
			break
		}
		if len(o.added) < len(to.added) {
			to = o
		}
	}
	to.added <- b
}

// close ends the goroutines. Nothing is added any more.
func (boxes outboxes) close() {
	for _, o := range boxes {
		close(o.added)
	}
}

// run writes until the outbox is closed.
func (o *outbox) run() {
	defer o.ring.Close()
	for o.gather() {
		o.write()
	}
}

// gather waits for somebody to write for, and fills the batch with who else is there. It
// returns false at the end.
func (o *outbox) gather() bool {
	o.batch = append(o.batch[:0], o.again...)
	o.again = o.again[:0]
	if len(o.batch) == 0 {
		b, open := <-o.added
		if !open {
			return false
		}
		o.batch = append(o.batch, b)
	}
	for len(o.batch) < outboxBatch {
		select {
		case b, open := <-o.added:
			if !open {
				return true
			}
			o.batch = append(o.batch, b)
		default:
			return true
		}
	}
	return true
}

// write writes for the batch.
func (o *outbox) write() {
	o.sends, o.buffers = o.sends[:0], o.buffers[:0]
	o.prepare()
	for i, b := range o.batch {
		if b.wrote(&o.sends[i], o.buffers[i]) {
			o.again = append(o.again, b)
		}
	}
	clear(o.sends) // nothing of them is kept alive
	clear(o.buffers)
	clear(o.batch)
}

// prepare takes what there is to send for the rest of the batch, and sends all of it. For
// each connection it calls itself, by hold, from within Control: that keeps a descriptor
// from being closed, and another connection from getting its number, until all are sent.
func (o *outbox) prepare() {
	for len(o.sends) < len(o.batch) {
		b := o.batch[len(o.sends)]
		p, buffer := b.take()
		o.sends, o.buffers = append(o.sends, uring.Transfer{FD: noSocket, P: p[0], More: [2][]byte(p[1:])}), append(o.buffers, buffer)
		if b.now.raw.Control(o.hold) == nil {
			return
		}
		// It is closed; with this number the kernel says so, too.
	}
	o.ring.Send(o.sends)
}
