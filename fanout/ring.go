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
	for i := range r.n {
		buf[i] = r.buf[(r.first+i)%len(r.buf)]
	}
	r.buf, r.first = buf, 0
}

// jump empties the ring: the events up to last were not seen here.
func (r *ring) jump(last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = last
	r.buf, r.first, r.n, r.bytes = nil, 0, 0, 0
}

// from returns the frames from seq on, at most maxBytes of them but at least one. It
// returns none when seq is newer than everything or older than what is held.
func (r *ring) from(seq uint64, maxBytes int) []frame {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if seq > r.last || r.last-seq >= uint64(r.n) {
		return nil
	}
	var frames []frame
	size := 0
	for i := r.n - 1 - int(r.last-seq); i < r.n; i++ {
		f := r.buf[(r.first+i)%len(r.buf)]
		if size += len(f.data); size > maxBytes && len(frames) > 0 {
			break
		}
		frames = append(frames, f)
	}
	return frames
}

// at returns the frame of an event, if it is held.
func (r *ring) at(seq uint64) (frame, bool) {
	frames := r.from(seq, 0)
	if len(frames) == 0 {
		return frame{}, false
	}
	return frames[0], true
}

// held returns all frames.
func (r *ring) held() []frame {
	r.mu.RLock()
	defer r.mu.RUnlock()
	frames := make([]frame, r.n)
	for i := range frames {
		frames[i] = r.buf[(r.first+i)%len(r.buf)]
	}
	return frames
}

// reaches reports whether somebody who wants seq next can be served from the ring
// alone, with at most maxBytes.
func (r *ring) reaches(seq uint64, maxBytes int) bool {
	if seq > r.lastSeq() {
		return true
	}
	frames := r.from(seq, maxBytes)
	return len(frames) > 0 && seq+uint64(len(frames)) > r.lastSeq()
}
