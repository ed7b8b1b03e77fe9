package fanout

import "sync"

// ring holds a room's newest frames, bounded by count and by bytes. The room's
// goroutine appends; others read.
type ring struct {
	maxFrames, maxBytes int

	mu    sync.RWMutex
	last  uint64 // seq of the newest event, whether its frame is held or not
	buf   []frame
	first int // index in buf of the oldest frame
	n     int
	bytes int
}

func newRing(maxFrames, maxBytes int) *ring {
	return &ring{maxFrames: maxFrames, maxBytes: maxBytes}
}

// lastSeq is the seq of the newest event that the room has seen.
func (r *ring) lastSeq() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.last
}

// append adds the frames of the events after the last.
func (r *ring) append(frames []frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last += uint64(len(frames))
	for _, f := range frames {
		for r.n > 0 && (r.n == r.maxFrames || r.bytes+len(f.data) > r.maxBytes) {
			r.bytes -= len(r.buf[r.first].data)
			r.buf[r.first] = frame{}
			r.first = (r.first + 1) % len(r.buf)
			r.n--
		}
		if r.n == len(r.buf) {
			r.grow()
		}
		r.buf[(r.first+r.n)%len(r.buf)] = f
		r.n++
		r.bytes += len(f.data)
	}
}

// grow doubles the buffer: most rooms stay far below the bound.
func (r *ring) grow() {
	buf := make([]frame, min(max(8, 2*len(r.buf)), r.maxFrames))
	copy(buf, r.copied(0, r.n))
	r.buf, r.first = buf, 0
}

// jump empties the ring: the events up to last were not seen here.
func (r *ring) jump(last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = last
	r.buf, r.first, r.n, r.bytes = nil, 0, 0, 0
}

// from returns the frames from seq on, laid for join, at most maxBytes of them but at least
// one. It returns none when seq is newer than everything or older than what is held.
func (r *ring) from(seq uint64, maxBytes int) []frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.index(seq)
	if i < 0 {
		return nil
	}
	n, bytes := r.fitting(i, maxBytes)
	frames := r.copied(i, n)
	if !laid(frames) && bytes >= r.bytes/4 {
		// Where one comes back, many do: once for all of them. The whole ring, since frames that
		// were left out would keep all alive that they were laid with before.
		r.buf, r.first = r.copied(0, r.n), 0
		lay(r.buf)
		frames = r.copied(i, n)
	}
	lay(frames)
	return frames
}

// index returns the place of event seq, counted from the oldest; -1: it is not held. It is
// called with mu held.
func (r *ring) index(seq uint64) int {
	if seq > r.last || r.last-seq >= uint64(r.n) {
		return -1
	}
	return r.n - 1 - int(r.last-seq)
}

// frame returns the i-th from the oldest. It is called with mu held, as are fitting and copied.
func (r *ring) frame(i int) frame { return r.buf[(r.first+i)%len(r.buf)] }

// fitting returns how many frames from i on have together at most maxBytes, but at least one,
// and how many bytes these have.
func (r *ring) fitting(i, maxBytes int) (n, bytes int) {
	for ; i+n < r.n; n++ {
		more := len(r.frame(i + n).data)
		if n > 0 && bytes+more > maxBytes {
			break
		}
		bytes += more
	}
	return n, bytes
}

// copied returns n frames from i on.
func (r *ring) copied(i, n int) []frame {
	frames := make([]frame, n)
	for j := range frames {
		frames[j] = r.frame(i + j)
	}
	return frames
}

// at returns the frame of an event, if it is held.
func (r *ring) at(seq uint64) (frame, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	i := r.index(seq)
	if i < 0 {
		return frame{}, false
	}
	return r.frame(i), true
}

// held returns all frames.
func (r *ring) held() []frame {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.copied(0, r.n)
}

// reaches reports whether somebody who wants seq next can be served from the ring
// alone, with at most maxBytes.
func (r *ring) reaches(seq uint64, maxBytes int) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if seq > r.last {
		return true
	}
	i := r.index(seq)
	if i < 0 {
		return false
	}
	n, _ := r.fitting(i, maxBytes)
	return i+n == r.n
}
