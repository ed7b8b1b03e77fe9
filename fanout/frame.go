package fanout

import "confab/domain"

// frame is an event as it goes on the wire, built once for everybody.
type frame struct {
	data []byte        // never empty; what is behind it may be the next frame (lay)
	left domain.UserID // who left the room with this event, else empty
	// epoch is the one that this event begins, else empty: whoever subscribed before it
	// may have been given what is not in the history.
	epoch string
}

// alone reports whether nobody may be given what follows without another look.
func (f frame) alone() bool { return f.left != "" || f.epoch != "" }

func newFrame(encode func(domain.Record) []byte, rec domain.Record) frame {
	f := frame{data: encode(rec)}
	switch rec.Kind() {
	case domain.MemberLeft:
		if e, err := rec.Event(); err == nil && e.User != nil {
			f.left = e.User.ID
		}
	case domain.RoomReset:
		if e, err := rec.Event(); err == nil {
			f.epoch = e.ID
		}
	}
	return f
}

// lay moves frames to one piece of memory, one behind the other, so that any stretch of them
// can be sent as it is. Nobody's bytes change: those that are shared are copied.
func lay(frames []frame) {
	if laid(frames) {
		return
	}
	data := make([]byte, 0, size(frames))
	for i, f := range frames {
		at := len(data)
		data = append(data, f.data...)
		frames[i].data = data[at:]
	}
}

// laid reports whether the frames lie one behind the other.
func laid(frames []frame) bool {
	for i := 1; i < len(frames); i++ {
		before := frames[i-1].data
		end := len(before)
		if cap(before) == end || &before[:end+1][end] != &frames[i].data[0] {
			return false
		}
	}
	return true
}

// join returns the bytes of frames that are laid.
func join(frames []frame) []byte {
	n := size(frames)
	return frames[0].data[:n:n]
}

func size(frames []frame) (bytes int) {
	for _, f := range frames {
		bytes += len(f.data)
	}
	return bytes
}
