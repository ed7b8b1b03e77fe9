package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"confab/domain"
	"confab/web/client"
)

// verdict counts what became of the messages. All below rule must be 0.
type verdict struct {
	sent, acked, inDoubt, appeared, resent int

	// rule
	lost      int // acked or promised by a head, and not there
	repeated  int // a key or a seq twice
	reordered int // a later message before an earlier one
	altered   int // other content, or another seq than the ack told
	phantom   int // never sent, or refused
	refused   int // by the server, for no fault of the sender's
	reset     int // a cursor that was taken back

	examples []string
}

func (v *verdict) count(what *int, format string, args ...any) {
	*what++
	if len(v.examples) < 20 {
		v.examples = append(v.examples, fmt.Sprintf(format, args...))
	}
}

func (v *verdict) bad() int {
	return v.lost + v.repeated + v.reordered + v.altered + v.phantom + v.refused + v.reset
}

// settle waits until the server knows of everything that was acked, and tells the
// followers where it ends.
func (c *chaosCrowd) settle(t *testing.T) {
	t.Helper()
	c.heads = map[domain.RoomID]uint64{}
	for i, id := range c.rooms {
		var acked uint64
		for _, s := range c.sends {
			for _, a := range s.attempts {
				if s.room == id {
					acked = max(acked, a.seq)
				}
			}
		}
		err := tryFor(mustRecover, func() error {
			room, err := c.chats[i].session.Room(t.Context(), id)
			if err == nil && room.Head < acked {
				err = fmt.Errorf("the head of room %s is %d, and %d was acked", id, room.Head, acked)
			}
			c.heads[id] = max(room.Head, acked)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	close(c.headSet)
}

// archive returns each room's events once they are all stored, or what there is.
func (c *chaosCrowd) archive(t *testing.T, store domain.Store) map[domain.RoomID][]domain.Event {
	t.Helper()
	events := map[domain.RoomID][]domain.Event{}
	for _, id := range c.rooms {
		err := tryFor(mustRecover, func() error {
			applied, err := store.Applied(t.Context(), id)
			if err == nil && applied < c.heads[id] {
				err = fmt.Errorf("room %s: %d applied, want %d", id, applied, c.heads[id])
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		events[id] = c.archived(t, store, id)
	}
	return events
}

// judge holds what was sent and seen against what was archived.
func (c *chaosCrowd) judge(archive map[domain.RoomID][]domain.Event) (v verdict) {
	for id, events := range archive {
		posted := map[string]domain.Event{}
		for i, e := range events {
			if e.Seq != uint64(i)+1 {
				v.count(&v.lost, "room %s: the archive has seq %d where %d must come", id, e.Seq, i+1)
			}
			if e.Kind != domain.MessagePosted {
				continue
			}
			if first, twice := posted[e.Key]; twice {
				v.count(&v.repeated, "room %s: key %s is in events %d and %d", id, e.Key, first.Seq, e.Seq)
			}
			posted[e.Key] = e
		}
		var room []*attempt
		for _, s := range c.sends {
			if s.room == id {
				v.judgeSender(s, posted)
				v.judgeFollower(s, events, c.heads[id])
				room = append(room, s.attempts...)
			}
		}
		v.judgeOrder(room)
		for _, e := range posted { // judgeSender has taken its own
			v.count(&v.phantom, "room %s: event %d %q was never sent", id, e.Seq, e.Body)
		}
	}
	return v
}

// judgeSender takes out of posted what the sender has sent.
func (v *verdict) judgeSender(s *sender, posted map[string]domain.Event) {
	v.resent += s.dups
	for _, a := range s.attempts {
		e, there := posted[a.key]
		delete(posted, a.key)
		v.sent++
		switch {
		case a.refused != nil:
			v.count(&v.refused, "%q was refused: %v", a.body, a.refused)
			if there && a.seq == 0 {
				v.count(&v.phantom, "%q was refused and is event %d", a.body, e.Seq)
			}
		case a.seq == 0:
			v.inDoubt++
			if there {
				v.appeared++
			}
		default:
			v.acked++
			if !there {
				v.count(&v.lost, "%q was acked as %d and is not in the archive", a.body, a.seq)
			} else if e.Seq != a.seq {
				v.count(&v.altered, "%q was acked as %d and is event %d", a.body, a.seq, e.Seq)
			}
			if a.other != 0 {
				v.count(&v.altered, "%q was acked as %d and then as %d", a.body, a.seq, a.other)
			}
		}
		if there && (e.Body != a.body || e.Actor.ID != s.session.User.ID) {
			v.count(&v.altered, "%q of %s is %q of %s", a.body, s.session.User.ID, e.Body, e.Actor.ID)
		}
	}
}

func (v *verdict) judgeFollower(s *sender, events []domain.Event, head uint64) {
	name := s.session.User.Name
	for _, err := range s.broken {
		var violation *client.ViolationError
		var reset *client.ResetError
		switch {
		case errors.As(err, &violation) && violation.Got < violation.Want:
			v.count(&v.repeated, "%s: %v", name, err)
		case errors.As(err, &violation):
			v.count(&v.lost, "%s: %v", name, err)
		case errors.As(err, &reset):
			v.count(&v.reset, "%s: %v", name, err)
		default:
			v.count(&v.refused, "%s: %v", name, err)
		}
	}
	for i, e := range s.seen[:min(len(s.seen), len(events))] {
		if want := events[i]; e.Seq != want.Seq || e.ID != want.ID || !e.SameContent(want) || e.Actor != want.Actor {
			v.count(&v.altered, "%s saw %+v where the archive has %+v", name, e, want)
		}
	}
	if uint64(len(s.seen)) < head {
		v.count(&v.lost, "%s saw %d of %d events", name, len(s.seen), head)
	}
	if len(s.seen) > len(events) {
		v.count(&v.phantom, "%s saw %d events, the archive has %d", name, len(s.seen), len(events))
	}
}

// judgeOrder checks that what was sent after an ack comes after it, whoever sent it.
func (v *verdict) judgeOrder(room []*attempt) {
	acked := slices.DeleteFunc(room, func(a *attempt) bool { return a.seq == 0 })
	ended := slices.SortedFunc(slices.Values(acked), func(a, b *attempt) int { return a.ended.Compare(b.ended) })
	slices.SortFunc(acked, func(a, b *attempt) int { return a.began.Compare(b.began) })
	var newest *attempt // with the greatest seq of those acked before
	for _, a := range acked {
		for ; len(ended) > 0 && ended[0].ended.Before(a.began); ended = ended[1:] {
			if newest == nil || ended[0].seq > newest.seq {
				newest = ended[0]
			}
		}
		if newest != nil && a.seq < newest.seq {
			v.count(&v.reordered, "%q is event %d and was sent after the ack of event %d", a.body, a.seq, newest.seq)
		}
	}
}

// silence returns the longest time that one sender got no ack while there was to send.
func (c *chaosCrowd) silence() (longest time.Duration) {
	for _, s := range c.sends {
		acked := slices.DeleteFunc(slices.Clone(s.attempts), func(a *attempt) bool { return a.seq == 0 })
		slices.SortFunc(acked, func(a, b *attempt) int { return a.ended.Compare(b.ended) })
		for i := range acked {
			if i > 0 {
				longest = max(longest, acked[i].ended.Sub(acked[i-1].ended))
			}
		}
	}
	return longest
}

// tally is how often a fault came and the longest that it took to recover from it.
type tally struct {
	times   int
	longest time.Duration
}

func (v *verdict) table(w *tabwriter.Writer, faults map[string]*tally, missing map[string]string, silence time.Duration) {
	fmt.Fprintln(w, "fault\ttimes\tlongest recovery")
	var all tally
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		f := faults[name]
		all.times += f.times
		all.longest = max(all.longest, f.longest)
		fmt.Fprintf(w, "%s\t%d\t%v\n", name, f.times, f.longest.Round(time.Millisecond))
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		fmt.Fprintf(w, "%s\t0\tNOT INJECTED: %s\n", name, missing[name])
	}
	fmt.Fprintf(w, "all\t%d\t%v\n\n", all.times, all.longest.Round(time.Millisecond))
	fmt.Fprintln(w, "sent\tacked\tacked again\tin doubt\tof them posted\tlongest silence for one client")
	fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%d\t%v\n\n", v.sent, v.acked, v.resent, v.inDoubt, v.appeared, silence.Round(time.Millisecond))
	fmt.Fprintln(w, "must be 0:\tlost\trepeated\treordered\taltered\tphantom\trefused\treset")
	fmt.Fprintf(w, "\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", v.lost, v.repeated, v.reordered, v.altered, v.phantom, v.refused, v.reset)
	_ = w.Flush()
}
