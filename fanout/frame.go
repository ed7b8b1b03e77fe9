package fanout

import "confab/domain"

// frame is an event as it goes on the wire, built once for everybody.
type frame struct {
	data []byte
	left domain.UserID // who left the room with this event, else empty
}

func newFrame(encode func(domain.Record) []byte, rec domain.Record) frame {
	f := frame{data: encode(rec)}
	if rec.Kind() == domain.MemberLeft {
		if e, err := rec.Event(); err == nil && e.User != nil {
			f.left = e.User.ID
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
