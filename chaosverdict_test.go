package main

import (
	"errors"
	"slices"
	"testing"
	"time"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/web/client"
)

// record is what one client and the archive know of a room with three messages.
type record struct {
	sender  *sender
	archive []domain.Event
}

func (r *record) broke(err error) { r.sender.broken = append(r.sender.broken, err) }

// swapSeqs lets the last two messages be archived, acked and seen in the wrong order.
func (r *record) swapSeqs() {
	two, three := &r.archive[2], &r.archive[3]
	two.Seq, three.Seq = three.Seq, two.Seq
	*two, *three = *three, *two
	r.sender.seen = slices.Clone(r.archive)
	r.sender.attempts[1].seq, r.sender.attempts[2].seq = 4, 3
}

// A checker that finds nothing proves nothing: each broken promise must be seen.
func TestVerdict_seesWhatIsBroken(t *testing.T) {
	none := func(v verdict) int { return 1 - min(1, v.bad()) }
	for name, c := range map[string]struct {
		spoil func(h *record)
		count func(v verdict) int
	}{
		"nothing":                      {func(*record) {}, none},
		"in doubt, posted":             {func(h *record) { h.sender.attempts[2].seq = 0 }, none},
		"in doubt, not posted":         {func(h *record) { h.sender.attempts = append(h.sender.attempts, &attempt{key: "k"}) }, none},
		"acked, not archived":          {func(h *record) { h.sender.attempts = append(h.sender.attempts, &attempt{key: "k", seq: 9}) }, func(v verdict) int { return v.lost }},
		"not seen":                     {func(h *record) { h.sender.seen = h.sender.seen[:2] }, func(v verdict) int { return v.lost }},
		"a gap":                        {func(h *record) { h.broke(&client.ViolationError{Want: 2, Got: 3}) }, func(v verdict) int { return v.lost }},
		"a hole in the archive":        {func(h *record) { h.archive[1].Seq = 7 }, func(v verdict) int { return v.lost }},
		"a seq again":                  {func(h *record) { h.broke(&client.ViolationError{Want: 2, Got: 1}) }, func(v verdict) int { return v.repeated }},
		"a key twice":                  {func(h *record) { h.archive[2].Key = h.archive[1].Key }, func(v verdict) int { return v.repeated }},
		"sent after an ack, before it": {func(h *record) { h.swapSeqs() }, func(v verdict) int { return v.reordered }},
		"other content":                {func(h *record) { h.sender.seen[1].Body = "other" }, func(v verdict) int { return v.altered }},
		"other author":                 {func(h *record) { h.archive[1].Actor = domaintest.NewUser("eve") }, func(v verdict) int { return v.altered }},
		"two acks":                     {func(h *record) { h.sender.attempts[0].other = 3 }, func(v verdict) int { return v.altered }},
		"an ack of another event":      {func(h *record) { h.sender.attempts[2].seq++ }, func(v verdict) int { return v.altered }},
		"never sent":                   {func(h *record) { h.sender.attempts = h.sender.attempts[:2] }, func(v verdict) int { return v.phantom }},
		"refused, and posted":          {func(h *record) { h.sender.attempts[2].seq, h.sender.attempts[2].refused = 0, errors.New("no") }, func(v verdict) int { return v.phantom }},
		"seen, not archived":           {func(h *record) { h.sender.seen = append(h.sender.seen, domain.Event{Seq: 5}) }, func(v verdict) int { return v.phantom }},
		"refused": {func(h *record) {
			h.sender.attempts = append(h.sender.attempts, &attempt{key: "k", refused: errors.New("no")})
		}, func(v verdict) int { return v.refused }},
		"a cursor taken back": {func(h *record) { h.broke(&client.ResetError{}) }, func(v verdict) int { return v.reset }},
	} {
		t.Run(name, func(t *testing.T) {
			h := domaintest.NewHistory("lounge", domain.Public).Posts(3)
			s := &sender{chatter: &chatter{session: &client.Session{User: h.Owner}, room: h.Room, seen: slices.Clone(h.Events)}}
			for i, e := range h.Events[1:] {
				at := time.Unix(int64(10*i), 0)
				s.attempts = append(s.attempts, &attempt{key: e.Key, body: e.Body, began: at, ended: at.Add(time.Second), seq: e.Seq})
			}
			broken := record{s, slices.Clone(h.Events)}
			c.spoil(&broken)
			crowd := chaosCrowd{sends: []*sender{s}, heads: map[domain.RoomID]uint64{h.Room: 4}}
			v := crowd.judge(map[domain.RoomID][]domain.Event{h.Room: broken.archive})
			if c.count(v) == 0 {
				t.Errorf("got %+v", v)
			}
		})
	}
}
