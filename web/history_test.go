package web_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/web"
)

// TestHistory_everyPageWhateverTheViewsHave asks for pages of a room whose views
// stop at every possible seq, or were read a little before that, and compares with a plain filter over all messages.
func TestHistory_everyPageWhateverTheViewsHave(t *testing.T) {
	const events = 12
	for applied := 1; applied <= events; applied++ {
		r := newRig(t, func(c *web.Config) { c.Views = lateViews{c.Views, uint64(applied % 3)} })
		ada := r.guest("ada")
		room := ada.makes("Square", domain.Public)
		bob := r.guest("bob")
		var all []uint64 // seqs of messages
		for seq := 2; seq <= events; seq++ {
			if seq > applied {
				r.rooms.set(func(f *fakeRooms) { f.trailing = true })
			}
			switch seq {
			case 4, 9:
				bob.ask("PUT", room+"/members/me", "").ok(http.StatusNoContent)
			case 6, 10:
				bob.ask("DELETE", room+"/members/me", "").ok(http.StatusNoContent)
			default:
				ada.says(room, fmt.Sprint(seq))
				all = append(all, uint64(seq))
			}
		}
		for before := range uint64(events + 3) {
			for after := -1; after <= events+1; after++ {
				for _, limit := range []int{1, 3, 50} {
					checkPage(t, ada, room, all, before, after, limit)
				}
			}
		}
	}
}

// checkPage leaves out before 0 and after -1.
func checkPage(t *testing.T, p person, room string, all []uint64, before uint64, after, limit int) {
	t.Helper()
	path := fmt.Sprintf("%s/messages?limit=%d", room, limit)
	want := slices.Clone(all)
	if before > 0 {
		path += fmt.Sprintf("&before=%d", before)
		want = slices.DeleteFunc(want, func(seq uint64) bool { return seq >= before })
	}
	if after >= 0 {
		path += fmt.Sprintf("&after=%d", after)
		want = slices.DeleteFunc(want, func(seq uint64) bool { return seq <= uint64(after) })
	} else {
		slices.Reverse(want)
	}
	more := len(want) > limit
	want = want[:min(len(want), limit)]

	a := p.ask("GET", path, "").ok(http.StatusOK)
	got := []uint64{}
	for _, m := range a.list("messages") {
		got = append(got, uint64(m.(map[string]any)["seq"].(float64)))
	}
	require.Equal(t, want, got, path)
	require.Equal(t, more, a.get("more"), path)
	require.EqualValues(t, 12, a.get("head"), path)
}

func TestHistory_farBehindViews(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	ada.says(room, "2")
	r.rooms.set(func(f *fakeRooms) { f.trailing = true })
	bob := r.guest("bob")
	for range 350 { // 700 events that post nothing, then one that does
		bob.ask("PUT", room+"/members/me", "").ok(http.StatusNoContent)
		bob.ask("DELETE", room+"/members/me", "").ok(http.StatusNoContent)
	}
	ada.says(room, "703")
	for _, query := range []string{"?limit=2", "?limit=2&after=0"} {
		a := ada.ask("GET", room+"/messages"+query, "").ok(http.StatusOK)
		require.Len(t, a.list("messages"), 2)
		require.Equal(t, false, a.get("more"))
	}
	a := ada.ask("GET", room+"/messages?limit=1&after=2", "").ok(http.StatusOK)
	require.Equal(t, "703", a.list("messages")[0].(map[string]any)["body"])
}

func TestHistory_walkedByPagesIsComplete(t *testing.T) {
	r := newRig(t)
	ada := r.guest("ada")
	room := ada.makes("Square", domain.Public)
	n := 60 + rand.IntN(20)
	for i := range n {
		if i == n/2 {
			r.rooms.set(func(f *fakeRooms) { f.trailing = true })
		}
		ada.says(room, fmt.Sprint(i))
	}
	for _, direction := range []string{"before", "after"} {
		var got []string
		query := "?limit=7&after=0"
		if direction == "before" {
			query = "?limit=7"
		}
		for pages, more := 0, true; more; pages++ {
			require.LessOrEqual(t, pages, n/7, "pages go on")
			a := ada.ask("GET", room+"/messages"+query, "").ok(http.StatusOK)
			list := a.list("messages")
			for _, m := range list {
				got = append(got, m.(map[string]any)["body"].(string))
			}
			last := list[len(list)-1].(map[string]any)["seq"].(float64)
			query = fmt.Sprintf("?limit=7&%s=%d", direction, int(last))
			more = a.get("more").(bool)
		}
		if direction == "before" {
			slices.Reverse(got)
		}
		require.Len(t, got, n)
		for i, body := range got {
			require.Equal(t, fmt.Sprint(i), body)
		}
	}
}

// accessThen is Commands, with something that happens when access was looked at.
type accessThen struct {
	web.Commands
	happens func()
}

func (c *accessThen) CanRead(ctx context.Context, user domain.UserID, room domain.RoomID) error {
	err := c.Commands.CanRead(ctx, user, room)
	if happens := c.happens; happens != nil {
		c.happens = nil
		happens()
	}
	return err
}

func TestPages_endBeforeARemoval(t *testing.T) {
	for _, page := range []string{"/messages", "/events"} {
		var access *accessThen
		r := newRig(t, func(c *web.Config) { access = &accessThen{Commands: c.Commands}; c.Commands = access })
		ada, bob := r.guest("ada"), r.guest("bob")
		room := ada.makes("x", domain.Private)
		ada.ask("PUT", room+"/members/"+string(bob.user.ID), "").ok(http.StatusNoContent)
		ada.says(room, "for bob")
		access.happens = func() {
			ada.ask("DELETE", room+"/members/"+string(bob.user.ID), "").ok(http.StatusNoContent)
			ada.says(room, "secret")
		}
		answer := bob.ask("GET", room+page, "")
		answer.ok(http.StatusOK)
		require.Contains(t, answer.raw, "for bob", page)
		require.NotContains(t, answer.raw, "secret", page)
		bob.ask("GET", room+page, "").problem(http.StatusNotFound, domain.CodeNotFound)
	}
}
