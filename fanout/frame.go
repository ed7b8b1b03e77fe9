package fanout

import "confab/domain"

// frame is an event as it goes on the wire, built once for everybody.
type frame struct {
	data []byte
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

// join puts frames one behind the other.
func join(frames []frame) []byte {
	if len(frames) == 1 {
		return frames[0].data
	}
	size := 0
	for _, f := range frames {
		size += len(f.data)
	}
	data := make([]byte, 0, size)
	for _, f := range frames {
		data = append(data, f.data...)
	}
	return data
}
