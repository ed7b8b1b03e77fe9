package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"confab/domain"
)

// ControlTopic is where nodes tell each other what concerns all of them.
const ControlTopic = "confab:control"

// controlMessage is its payload. Unknown fields are for newer nodes.
type controlMessage struct {
	SessionEnded string `json:"session_ended,omitempty"`
}

// sessionEnded closes the session's connections here and tells the other nodes.
func (s *Server) sessionEnded(ctx context.Context, id string) {
	s.sockets.endSession(id)
	if s.cfg.Control == nil {
		return
	}
	payload, err := json.Marshal(controlMessage{SessionEnded: id})
	if err == nil {
		m := message.NewMessageWithContext(context.WithoutCancel(ctx), domain.NewID(), payload)
		err = s.cfg.Control.Publish(ControlTopic, m)
	}
	if err != nil {
		s.log.WarnContext(ctx, "other nodes were not told that a session ended; their caches expire soon", slog.Any("error", err))
	}
}

// followControl does what other nodes say, until ctx ends.
func (s *Server) followControl(ctx context.Context) error {
	if s.cfg.Control == nil {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		messages, err := s.cfg.Control.Subscribe(ctx, ControlTopic)
		if err != nil {
			s.log.WarnContext(ctx, "cannot hear what other nodes say; trying again", slog.Any("error", err))
		} else {
			for m := range messages {
				s.obey(m)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

func (s *Server) obey(m *message.Message) {
	defer m.Ack()
	if len(m.Payload) == 0 { // the bus has lost something; the periodic check of sessions finds what
		return
	}
	var c controlMessage
	if err := json.Unmarshal(m.Payload, &c); err != nil {
		s.log.Warn("control message is not readable", slog.Any("error", err))
		return
	}
	if domain.ValidID(c.SessionEnded) {
		s.accounts.Forget(c.SessionEnded)
		s.sockets.endSession(c.SessionEnded)
	}
}
