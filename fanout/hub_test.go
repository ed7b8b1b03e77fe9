package fanout_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"confab/domain"
	"confab/domain/domaintest"
	"confab/fanout"
)

func TestHub_liveOnly(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		w.logs(10)
		s := w.subscribes(live)
		assert.EqualValues(t, 11, s.head)
		w.posts(5)
		synctest.Wait()
		assert.EqualValues(t, 16, s.has())
		assert.Zero(t, s.caughtUp)
	})
}

// Any depth: from the ring, from pages, from both.
func TestHub_resume(t *testing.T) {
	for _, depth := range []int{0, 1, 2, 40, 127, 128, 129, 700} {
		inWorld(t, fanout.HubConfig{RingFrames: 50}, func(w *world) {
			first := w.subscribes(live) // so that there is a ring
			w.posts(700)
			s := w.subscribes(after(w.head() - uint64(depth)))
			synctest.Wait()
			assert.Equal(t, w.head(), s.has(), "depth %d", depth)
			assert.Equal(t, w.head(), s.caughtUp, "depth %d", depth)
			w.posts(1)
			synctest.Wait()
			assert.Equal(t, w.head(), s.has())
			assert.Equal(t, w.head(), first.has())
		})
	}
}

func TestHub_resumeFromTheVeryStart(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		w.logs(3000)
		s := w.subscribes(after(0))
		synctest.Wait()
		assert.EqualValues(t, 3001, s.has())
		assert.EqualValues(t, 3001, s.caughtUp)
	})
}

func TestHub_cursorInTheFutureIsReset(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		w.logs(4)
		s := w.subscribes(after(6))
		assert.True(t, s.reset)
		assert.EqualValues(t, 5, s.head)
		w.posts(3)
		synctest.Wait()
		assert.Zero(t, s.calls, "the subscription has ended")
		s.sub.Close()
		farthest := w.subscribes(after(1<<64 - 1))
		assert.True(t, farthest.reset)
	})
}

func TestHub_gapInTheMiddleIsFetched(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := w.subscribes(live)
		w.posts(2)
		w.logs(3)
		w.posts(1)
		synctest.Wait()
		assert.Equal(t, w.head(), s.has())
	})
}

func TestHub_repeatsAndDisorderAreDropped(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := w.subscribes(live)
		records := w.logs(6)
		for _, i := range []int{0, 0, 2, 1, 0, 5, 3, 2, 4} {
			w.publish(records[i])
		}
		synctest.Wait()
		assert.Equal(t, w.head(), s.has())
	})
}

func TestHub_lostLastMessageIsFoundByTheHeadCheck(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := w.subscribes(live)
		w.logs(1)
		settled(2 * time.Second)
		assert.Equal(t, w.head(), s.has())
	})
}

// Of a room that Redis has lost only the archive knows the head. When that is away, too, the other
// rooms do not suffer.
func TestHub_headsOfOtherRoomsAreNotKnown(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := w.subscribes(live)
		lost := domain.RoomID("lost")
		_, err := w.hub.Subscribe(context.Background(), alice.ID, lost, live, &sink{t: t, from: live})
		require.NoError(t, err)
		w.log.mu.Lock()
		w.log.others = errAway
		w.log.mu.Unlock()
		w.logs(1)
		settled(2 * time.Second)
		assert.Equal(t, w.head(), s.has())
		w.subscribes(after(0))
		_, err = w.hub.Subscribe(context.Background(), alice.ID, lost, live, &sink{t: t, from: live})
		assert.ErrorIs(t, err, errAway)
	})
}

func TestSubscription_headIsWhatTheLogSays(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := w.subscribes(live)
		w.posts(1)
		synctest.Wait()
		assert.Equal(t, w.head(), s.sub.Head(), "it came over the bus")

		slow := make(chan struct{})
		w.log.before = func(uint64) { <-slow }
		w.logs(1)
		synctest.Wait()
		assert.Equal(t, w.head()-1, s.sub.Head())
		settled(2 * time.Second)
		assert.Equal(t, w.head(), s.sub.Head(), "the check of the heads has found it")
		assert.Equal(t, w.head()-1, s.has(), "the log is yet to be read")
		close(slow)
		synctest.Wait()
		assert.Equal(t, w.head(), s.has())
	})
}

func TestHub_gapOfTheBusIsCheckedAtOnce(t *testing.T) {
	inWorld(t, fanout.HubConfig{CheckEvery: time.Hour}, func(w *world) {
		s := w.subscribes(live)
		w.logs(7)
		w.bus.gap()
		synctest.Wait()
		assert.Equal(t, w.head(), s.has())
	})
}

func TestHub_strangeMessageIsAGap(t *testing.T) {
	inWorld(t, fanout.HubConfig{CheckEvery: time.Hour}, func(w *world) {
		s := w.subscribes(live)
		w.logs(1)
		w.publish(domain.Record{Payload: []byte("no event")})
		synctest.Wait()
		assert.Equal(t, w.head(), s.has())
	})
}

// After a long absence of the bus each member takes what it missed at its own pace.
func TestHub_longGapIsCaughtUpWithFlowControl(t *testing.T) {
	inWorld(t, fanout.HubConfig{RepairLimit: 100}, func(w *world) {
		quick, slow := w.subscribes(live), w.subscribes(live)
		slow.full = make(chan struct{})
		w.logs(10_000)
		w.bus.gap()
		settled(time.Second)
		assert.Equal(t, w.head(), quick.has())
		assert.Less(t, slow.has(), uint64(200), "it got what it did not ask for")
		w.posts(10)
		synctest.Wait()
		assert.Equal(t, w.head(), quick.has())
		close(slow.full)
		synctest.Wait()
		assert.Equal(t, w.head(), slow.has())
	})
}

func TestHub_manyCatchingUpReadEachPageOnce(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		w.logs(128*20 - 1)
		var sinks []*sink
		w.log.before = func(uint64) { <-time.After(time.Millisecond) } // all ask before the first is answered
		for range 100 {
			sinks = append(sinks, w.subscribes(after(5)))
		}
		settled(time.Second)
		for _, s := range sinks {
			assert.Equal(t, w.head(), s.has())
		}
		assert.Less(t, w.log.reads, 30, "20 pages")
	})
}

// Events keep coming while a subscriber resumes, at every seam.
func TestHub_resumeWhileEventsKeepComing(t *testing.T) {
	inWorld(t, fanout.HubConfig{RingFrames: 16, ChunkBytes: 20}, func(w *world) {
		w.logs(300)
		w.subscribes(live)
		s := &sink{t: t, from: after(100)}
		w.log.before = func(uint64) { w.posts(1) }
		w.access.before = func() { w.posts(1) }
		s.subscribe(w, alice.ID)
		settled(time.Second)
		w.log.before, w.access.before = nil, nil
		w.posts(3)
		synctest.Wait()
		assert.Equal(t, w.head(), s.has())
		assert.NotZero(t, s.caughtUp)
	})
}

// A part of the history is not taken for what it was when somebody else read it, and
// is not kept when nobody needs it.
func TestHub_pagesGrowAndAreForgotten(t *testing.T) {
	inWorld(t, fanout.HubConfig{RingFrames: 1}, func(w *world) {
		w.logs(5)
		stuck := &sink{t: t, from: after(0), full: make(chan struct{})}
		stuck.subscribe(w, alice.ID)
		synctest.Wait()
		w.posts(50)
		s := w.subscribes(after(0))
		synctest.Wait()
		assert.Equal(t, w.head(), s.has())
		stuck.sub.Close()

		w.posts(200)
		w.subscribes(after(0))
		synctest.Wait()
		reads := w.log.reads
		w.subscribes(after(0))
		synctest.Wait()
		assert.Greater(t, w.log.reads, reads)
	})
}

// A subscription may have read further than the room has heard.
func TestHub_subscriptionAheadOfItsRoom(t *testing.T) {
	inWorld(t, fanout.HubConfig{CheckEvery: time.Hour}, func(w *world) {
		member := w.subscribes(live)
		w.posts(4)
		synctest.Wait()
		w.logs(1)
		var once sync.Once
		w.log.before = func(after uint64) { // the room reads 6 while s reads 1 to 10
			if after == 4 { // it looks at event 5 again
				<-time.After(time.Second)
			} else if after == 0 {
				once.Do(func() { w.logs(4) })
			}
		}
		s := &sink{t: t, from: after(0)}
		s.subscribe(w, alice.ID)
		settled(2 * time.Second)
		w.logs(2)
		w.bus.gap()
		settled(time.Second)
		assert.Equal(t, w.head(), s.has())
		assert.Equal(t, w.head(), member.has())
	})
}

// Who subscribes learns of the head, and so do all others.
func TestHub_subscribingEndsDeafness(t *testing.T) {
	inWorld(t, fanout.HubConfig{CheckEvery: time.Hour}, func(w *world) {
		member := w.subscribes(live)
		w.logs(3)
		w.subscribes(live)
		synctest.Wait()
		assert.Equal(t, w.head(), member.has())
	})
}

// An event that was published but is nowhere: Redis lost it. The room goes on, and
// gets it when it comes.
func TestHub_phantomOfTheBus(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := w.subscribes(live)
		w.posts(1)
		w.hist.Posts(2)
		w.publish(w.hist.Records(int(w.head()), 0)...)
		settled(time.Minute)
		assert.Equal(t, w.head()-2, s.has())
		w.log.append(w.hist.Records(int(w.head())-1, 0)...)
		settled(2 * time.Second)
		assert.Equal(t, w.head(), s.has())
	})
}

func TestHub_closedWhileOthersAreWrittenTo(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		one, two := w.subscribes(live), w.subscribes(live)
		one.onEvents, two.onEvents = two.sub.Close, one.sub.Close
		w.posts(1)
		settled(time.Second)
		assert.Equal(t, 1, one.calls+two.calls, "the first closes the other")
	})
}

func TestHub_closedSubscriptionIsForgotten(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		w.subscribes(live) // the room stays
		s := w.subscribes(live)
		synctest.Wait()
		forgotten := weak.Make(s)
		s.sub.Close()
		s = nil //nolint:wastedassign // so that nothing here holds it
		synctest.Wait()
		runtime.GC()
		assert.Nil(t, forgotten.Value())
	})
}

func TestHub_gatheredEventsAreOneCallForEachMember(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := w.subscribes(live)
		w.logs(50)
		w.publish(w.hist.Records(int(w.head()), 0)...) // a gap: one page, one pass
		synctest.Wait()
		assert.Equal(t, w.head(), s.has())
		assert.Equal(t, 1, s.calls)
	})
}

func TestHub_restsAfterALongPassSoThatMoreGathers(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := &sink{t: t, from: live, onEvents: func() { <-time.After(8 * time.Millisecond) }}
		s.subscribe(w, alice.ID)
		calls := func() int {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.calls
		}
		posts := func(n int) {
			for range n {
				w.posts(1)
				settled(time.Millisecond)
			}
		}
		posts(1)
		posts(1)                          // meanwhile
		settled(14500 * time.Microsecond) // both passes are over, the second just now
		assert.Equal(t, 2, calls())
		posts(4)
		assert.Equal(t, 2, calls())
		settled(time.Minute)
		assert.Equal(t, w.head(), s.has())
		assert.Equal(t, 3, calls(), "what came while the room rested is one pass")

		posts(1)
		assert.Equal(t, 4, calls(), "who is not busy does not rest")
	})
}

func TestHub_slowOrFailingSinkCostsOnlyItself(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		stuck := &sink{t: t, from: after(0), full: make(chan struct{})}
		stuck.subscribe(w, alice.ID)
		failing, good := w.subscribes(live), w.subscribes(live)
		failing.mu.Lock()
		failing.fails = errors.New("connection reset")
		failing.mu.Unlock()
		w.posts(20)
		settled(time.Minute)
		assert.Equal(t, w.head(), good.has())
		assert.Zero(t, stuck.has())
		failing.mu.Lock()
		failing.fails = nil
		failing.mu.Unlock()
		w.posts(1)
		synctest.Wait()
		assert.Zero(t, failing.calls, "it is not a member any more")
		failing.sub.Close()
		stuck.sub.Close() // ends the wait for the flush
	})
}

func TestHub_closedSubscriptionGetsNothing(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s, other := w.subscribes(live), w.subscribes(live)
		w.posts(1)
		synctest.Wait()
		s.sub.Close()
		s.sub.Close()
		w.posts(1)
		synctest.Wait()
		assert.Equal(t, w.head()-1, s.has())
		assert.Equal(t, w.head(), other.has())
	})
}

func TestHub_roomLingersAndThenUnsubscribes(t *testing.T) {
	inWorld(t, fanout.HubConfig{Linger: 10 * time.Second}, func(w *world) {
		w.subscribes(live).sub.Close()
		settled(8 * time.Second)
		assert.Equal(t, 1, w.bus.subscriptions())
		s := w.subscribes(live) // uses the same
		settled(time.Minute)
		assert.Equal(t, 1, w.bus.opened)
		s.sub.Close()
		settled(15 * time.Second)
		assert.Zero(t, w.bus.subscriptions())
		w.logs(3)
		again := w.subscribes(after(1))
		synctest.Wait()
		assert.Equal(t, w.head(), again.has())
		assert.Equal(t, 2, w.bus.opened)
	})
}

func TestHub_redisAwayAtSubscribe(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		for name, set := range map[string]func(error){"bus": w.bus.failWith, "timeline": w.log.failWith} {
			set(errAway)
			_, err := w.trySubscribe(live)
			assert.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), name)
			set(nil)
		}
		w.access.failWith(domain.Unavailable("redis", errAway))
		_, err := w.trySubscribe(live)
		assert.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
		w.access.failWith(nil)
		w.subscribes(live)
	})
}

func TestHub_redisAwayLater(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		w.logs(500)
		member := w.subscribes(live)
		resuming := &sink{t: t, from: after(0), full: make(chan struct{})}
		resuming.subscribe(w, alice.ID)
		settled(0)
		w.log.failWith(errAway)
		close(resuming.full)
		w.logs(1)
		w.posts(1) // there is a gap before it
		settled(time.Minute)
		assert.Less(t, member.has(), w.head())
		assert.Less(t, resuming.has(), w.head())
		w.log.failWith(nil)
		settled(4 * time.Second)
		assert.Equal(t, w.head(), member.has())
		assert.Equal(t, w.head(), resuming.has())
	})
}

// Access is asked once to open a room, and then once for each who comes, after it is
// attached: no removal falls between.
func TestHub_asksOnce(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		w.subscribes(live)
		assert.Equal(t, 2, w.access.asked)
		w.subscribes(after(0))
		assert.Equal(t, 3, w.access.asked)
	})
}

func TestHub_cursorOfAnotherEpoch(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := w.subscribes(domain.Cursor{After: 1, Epoch: theEpoch})
		settled(time.Second)
		assert.False(t, s.reset)
		assert.NotZero(t, s.caughtUp)
		s = w.subscribes(domain.Cursor{After: 1, Epoch: "another"})
		assert.True(t, s.reset)
		assert.Equal(t, theEpoch, s.epoch)
		assert.Equal(t, w.head(), s.head)
	})
}

func TestHub_noAccess(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		w.access.remove(alice.ID)
		_, err := w.trySubscribe(live)
		assert.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
		assert.Zero(t, w.bus.opened, "a room was opened for somebody who may not read it")
		other := &sink{t: t}
		other.subscribe(w, "somebody else")
		_, err = w.trySubscribe(live)
		assert.Equal(t, domain.CodeNotFound, domain.CodeOf(err))
	})
}

func TestHub_removedMemberGetsTheRemovalAndNothingAfterIt(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := w.subscribes(live)
		other := &sink{t: t}
		other.subscribe(w, "somebody else")
		w.posts(2)
		removal := w.hist.Leave(alice)
		w.access.remove(alice.ID)
		w.log.append(domaintest.RecordOf(removal))
		w.logs(3)
		w.publish(w.hist.Records(2, 0)...) // in one pass
		synctest.Wait()
		assert.Equal(t, removal.Seq, s.has())
		assert.Equal(t, domain.CodeNotFound, domain.CodeOf(s.ended))
		assert.Equal(t, w.head(), other.has())
	})
}

// All the rooms of a connection are told at once that little waits; those that come too late
// wait again, and it makes no difference to what they get.
func TestHub_othersHaveFilledTheBacklog(t *testing.T) {
	inWorld(t, fanout.HubConfig{ChunkBytes: 64}, func(w *world) {
		w.posts(300)
		s := &sink{t: t, from: after(0), refuses: 2}
		s.onEvents = func() {
			s.mu.Lock()
			s.refuses++
			s.mu.Unlock()
		}
		s.subscribe(w, alice.ID)
		synctest.Wait()
		assert.Equal(t, w.head(), s.has())
		assert.Equal(t, w.head(), s.caughtUp)
		assert.Greater(t, s.calls, 3)
	})
}

func TestHub_whoLeavesAPublicRoomStaysSubscribed(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := w.subscribes(after(0))
		synctest.Wait()
		w.happens(w.hist.Leave(alice))
		w.posts(3)
		synctest.Wait()
		assert.Equal(t, w.head(), s.has())
		assert.NoError(t, s.ended)
		assert.EqualValues(t, 1, s.caughtUp)
	})
}

// Nothing goes out while nobody knows whether it may.
func TestHub_removedWhileAccessCannotBeChecked(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		s := w.subscribes(live)
		w.access.failWith(domain.Unavailable("redis", errAway))
		removal := w.hist.Leave(alice)
		w.happens(removal)
		w.posts(3)
		settled(time.Minute)
		assert.Equal(t, removal.Seq, s.has())
		assert.NoError(t, s.ended)
		w.access.failWith(nil)
		w.access.remove(alice.ID)
		settled(4 * time.Second)
		assert.Equal(t, removal.Seq, s.has())
		assert.Error(t, s.ended)
	})
}

// The removal happens between the answer that access is granted and the head, and the
// node does not hear of it.
func TestHub_removedWhileSubscribing(t *testing.T) {
	for name, from := range map[string]domain.Cursor{"live": live, "resume": after(1)} {
		inWorld(t, fanout.HubConfig{CheckEvery: time.Hour}, func(w *world) {
			other := &sink{t: t}
			other.subscribe(w, "somebody else") // so that there is a room
			w.posts(5)
			synctest.Wait()
			s := &sink{t: t, from: from}
			w.access.granted = func() {
				w.access.remove(alice.ID)
				w.log.append(domaintest.RecordOf(w.hist.Leave(alice)))
				w.logs(3)
				another := &sink{t: t} // tells the room of the head
				another.subscribe(w, "somebody else")
				<-time.After(time.Second)
			}
			// Resuming, the sink meets the removal before the room, whose repair is slow.
			w.log.before = func(after uint64) {
				if after == 5 { // it looks at event 6 again
					<-time.After(time.Minute)
				}
			}
			s.subscribe(w, alice.ID)
			w.posts(3)
			settled(time.Hour)
			assert.Error(t, s.ended, name)
			if !from.Live {
				assert.EqualValues(t, 7, s.has(), "the removal is the last")
			} else {
				assert.Zero(t, s.calls, "it was removed before")
			}
			assert.Equal(t, w.head(), other.has())
		})
	}
}

// What was read for a sink before the removal waits for the sink to flush.
func TestHub_removedWhileTheSinkIsFull(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		w.logs(5)
		s := &sink{t: t, from: after(0), full: make(chan struct{})}
		s.subscribe(w, alice.ID)
		synctest.Wait()
		w.access.remove(alice.ID)
		w.happens(w.hist.Leave(alice))
		synctest.Wait()
		close(s.full)
		synctest.Wait()
		assert.Zero(t, s.calls)
		assert.Error(t, s.ended)
	})
}

func TestHub_removedInAGapThatWasJumpedOver(t *testing.T) {
	inWorld(t, fanout.HubConfig{RepairLimit: 10}, func(w *world) {
		s := w.subscribes(live)
		w.logs(50)
		removal := w.hist.Leave(alice)
		w.access.remove(alice.ID)
		w.log.append(domaintest.RecordOf(removal))
		w.logs(50)
		w.bus.gap()
		settled(time.Second)
		assert.Error(t, s.ended)
		assert.LessOrEqual(t, s.has(), removal.Seq)
	})
}

// An old removal in the history does not end the subscription of who came back.
func TestHub_resumeOverOnesOwnRemoval(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		w.logs(3)
		w.log.append(domaintest.RecordOf(w.hist.Leave(alice)))
		w.logs(3)
		w.log.append(domaintest.RecordOf(w.hist.Join(alice)))
		s := w.subscribes(after(0))
		synctest.Wait()
		assert.Equal(t, w.head(), s.has())
		assert.NoError(t, s.ended)
	})
}

func TestHub_notRunning(t *testing.T) {
	w := newWorld(t, fanout.HubConfig{})
	_, err := w.trySubscribe(live)
	assert.Equal(t, domain.CodeUnavailable, domain.CodeOf(err))
}

func TestHub_stopsWithEverythingUnderWay(t *testing.T) {
	inWorld(t, fanout.HubConfig{}, func(w *world) {
		w.logs(1000)
		w.subscribes(live)
		stuck := &sink{t: t, from: after(0), full: make(chan struct{})}
		stuck.subscribe(w, alice.ID)
		w.posts(100)
	})
	synctest.Test(t, func(t *testing.T) { // while Redis is away
		w := newWorld(t, fanout.HubConfig{})
		w.logs(500)
		stop := w.run()
		w.subscribes(after(0))
		w.subscribes(live)
		w.log.failWith(errAway)
		w.logs(5)
		w.posts(1)
		settled(time.Second)
		stop()
	})
}
