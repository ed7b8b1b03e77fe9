package main

import (
	"context"

	"confab/domain"
	"confab/fanout"
)

type hubPort struct{ *fanout.Hub }

func (h hubPort) Subscribe(ctx context.Context, user domain.UserID, room domain.RoomID, from domain.Cursor, sink domain.Sink) (domain.Subscription, error) {
	s, err := h.Hub.Subscribe(ctx, user, room, fanout.Cursor{Resume: !from.Live, After: from.After}, sink)
	if err != nil {
		return nil, err
	}
	return s, nil
}
