package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"confab/domain"
)

// getMessages answers with a page of messages: newest first, or with after oldest
// first. It lacks no acked message although the views trail the log: what they do
// not have yet is folded from the newest events.
func (s *Server) getMessages(w http.ResponseWriter, r *http.Request, c caller) error {
	room, err := roomID(r)
	if err != nil {
		return err
	}
	q := queryOf(r)
	p := domain.Page{Limit: q.limit()}
	p.After, p.Forward = q.seq("after", 0)
	p.Before, _ = q.seq("before", 1)
	if q.err != nil {
		return q.err
	}
	ctx := r.Context()
	h, err := s.historyOf(ctx, room) // before access is asked for: what comes after a removal is not in it
	if denied := s.cfg.Commands.CanRead(ctx, c.User.ID, room); denied != nil {
		return denied
	}
	if err != nil {
		return err
	}
	messages, more, err := h.page(ctx, p)
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, struct {
		Messages []domain.Message `json:"messages"`
		Head     uint64           `json:"head"`
		More     bool             `json:"more"`
	}{messages, h.head, more})
	return nil
}

// history is a room's messages at one moment: the views up to applied, and the
// events after it up to head.
type history struct {
	views         domain.Views
	timeline      domain.Timeline
	room          domain.RoomID
	applied, head uint64
}

// historyOf asks for applied first: what is projected meanwhile is then read from
// the events, not twice and not never.
func (s *Server) historyOf(ctx context.Context, room domain.RoomID) (history, error) {
	applied, err := s.cfg.Views.Applied(ctx, room)
	if err != nil {
		return history{}, viewsFailed(err)
	}
	head, err := s.head(ctx, room)
	if err != nil {
		return history{}, err
	}
	return history{s.cfg.Views, s.cfg.Timeline, room, applied, max(head, applied)}, nil
}

// page returns a page and whether more messages follow in its direction.
func (h history) page(ctx context.Context, p domain.Page) (messages []domain.Message, more bool, err error) {
	limit := p.Limit
	p.Limit++ // one more tells whether there are more
	if p.Before == 0 || p.Before > h.head {
		p.Before = h.head + 1
	}
	if p.Forward {
		messages, err = h.forward(ctx, p)
	} else {
		messages, err = h.backward(ctx, p)
	}
	if err != nil {
		return nil, false, err
	}
	if len(messages) > limit {
		return messages[:limit], true, nil
	}
	return messages, false, nil
}

func (h history) forward(ctx context.Context, p domain.Page) ([]domain.Message, error) {
	messages, err := h.viewed(ctx, p)
	if err != nil {
		return nil, err
	}
	after := max(p.After, h.applied)
	for len(messages) < p.Limit && after+1 < p.Before {
		n := min(hotChunk, p.Before-1-after)
		hot, err := h.hot(ctx, after, n)
		if err != nil {
			return nil, err
		}
		messages = append(messages, hot...)
		after += n
	}
	return messages[:min(len(messages), p.Limit)], nil
}

func (h history) backward(ctx context.Context, p domain.Page) ([]domain.Message, error) {
	messages := []domain.Message{}
	for len(messages) < p.Limit && p.Before-1 > h.applied {
		n := min(hotChunk, p.Before-1-h.applied)
		hot, err := h.hot(ctx, p.Before-1-n, n)
		if err != nil {
			return nil, err
		}
		slices.Reverse(hot)
		messages = append(messages, hot...)
		p.Before -= n
	}
	if len(messages) >= p.Limit {
		return messages[:p.Limit], nil
	}
	p.Limit -= len(messages)
	old, err := h.viewed(ctx, p)
	return append(messages, old...), err
}

// viewed returns what the views have of a page, up to applied.
func (h history) viewed(ctx context.Context, p domain.Page) ([]domain.Message, error) {
	p.Before = min(p.Before, h.applied+1)
	if p.Before <= p.After+1 {
		return []domain.Message{}, nil
	}
	messages, err := h.views.Messages(ctx, h.room, p)
	if err != nil {
		return nil, viewsFailed(err)
	}
	return append([]domain.Message{}, messages...), nil
}

// hotChunk is how many events are read at once: pages stay cheap however far the
// views are behind.
const hotChunk = uint64(256)

// hot returns the messages among the n events after a seq.
func (h history) hot(ctx context.Context, after, n uint64) ([]domain.Message, error) {
	var messages []domain.Message
	for end := after + n; after < end; {
		records, err := h.timeline.Range(ctx, h.room, after, int(end-after))
		if err != nil {
			return nil, timelineFailed(err)
		}
		if len(records) == 0 {
			return nil, fmt.Errorf("room %s has head %d but no event after %d", h.room, h.head, after)
		}
		for _, rec := range records {
			if after = rec.Seq; rec.Kind() != domain.MessagePosted {
				continue
			}
			e, err := rec.Event()
			if err != nil {
				return nil, fmt.Errorf("room %s: %w", h.room, err)
			}
			messages = append(messages, domain.MessageOf(e))
		}
	}
	return messages, nil
}
