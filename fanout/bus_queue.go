package fanout

import "sync"

// queue is the bounded memory between the goroutine that reads the connection and
// one subscriber. Pushing never waits: what does not fit is dropped, and a gap
// stands in its place.
type queue struct {
	maxEntries, maxBytes int
	filled               func() // called after each push; it must not wait

	mu      sync.Mutex
	entries []entry // from first on
	first   int
	bytes   int
}

// entry is a message as it came, or the mark of messages that are missing.
type entry struct {
	payload string
	gap     bool
}

func newQueue(maxEntries, maxBytes int, filled func()) *queue {
	return &queue{maxEntries: maxEntries, maxBytes: maxBytes, filled: filled}
}

// push appends a message and returns false when there was no room for it.
func (q *queue) push(payload string) bool {
	defer q.filled()
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.entries) - q.first
	if n >= q.maxEntries || n > 0 && q.bytes+len(payload) > q.maxBytes {
		q.appendGap()
		return false
	}
	q.append(entry{payload: payload})
	return true
}

// pushGap notes that messages are missing here.
func (q *queue) pushGap() {
	defer q.filled()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.appendGap()
}

func (q *queue) appendGap() {
	if n := len(q.entries); n > q.first && q.entries[n-1].gap {
		return // one mark says it all, and keeps the queue bounded
	}
	q.append(entry{gap: true})
}

func (q *queue) append(e entry) {
	if q.first > 0 && len(q.entries) == cap(q.entries) {
		n := copy(q.entries, q.entries[q.first:])
		clear(q.entries[n:])
		q.entries, q.first = q.entries[:n], 0
	}
	q.entries = append(q.entries, e)
	q.bytes += len(e.payload)
}

// pop takes the oldest entry.
func (q *queue) pop() (entry, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first == len(q.entries) {
		return entry{}, false
	}
	e := q.entries[q.first]
	q.entries[q.first] = entry{}
	q.first++
	q.bytes -= len(e.payload)
	if q.first == len(q.entries) {
		q.first = 0
		if cap(q.entries) > 64 {
			q.entries = nil // a burst does not cost memory for ever
		} else {
			q.entries = q.entries[:0]
		}
	}
	return e, true
}

// take takes all entries, in exchange for an empty slice to fill next.
func (q *queue) take(next []entry) []entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.entries[q.first:]
	q.entries, q.first, q.bytes = next, 0, 0
	return all
}

// copyFrom appends everything that o holds.
func (q *queue) copyFrom(o *queue) {
	o.mu.Lock()
	entries := append([]entry(nil), o.entries[o.first:]...)
	o.mu.Unlock()
	defer q.filled()
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range entries {
		q.append(e)
	}
}
