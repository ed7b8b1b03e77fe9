package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"confab/domain"
	"confab/domain/domaintest"
)

func TestPublisher_numbersFromOne(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		ctx, p, room := testContext(t), newPublisher(t, client, PublisherConfig{}), newRoomID()
		for want := 1; want <= 3; want++ {
			m := aMessage(room, `{"seq":}`, MetaSeqAt, "7", MetaKeyField, fmt.Sprint("k:u:", want))
			require.NoError(t, p.Publish(partition.Log(), m))
			require.Equal(t, strconv.Itoa(want), m.Metadata.Get(MetaSeq))
		}
		entries, err := client.XRange(ctx, partition.Room(room), "-", "+").Result()
		require.NoError(t, err)
		require.Len(t, entries, 3)
		require.Equal(t, redis.XMessage{ID: "0-2", Values: map[string]any{"payload": `{"seq":2}`, "key": "k:u:2"}},
			redis.XMessage{ID: entries[1].ID, Values: entries[1].Values})
		logged, err := client.XRange(ctx, partition.Log(), "-", "+").Result()
		require.NoError(t, err)
		require.Len(t, logged, 3)
		require.Equal(t, `{"seq":2}`, logged[1].Values["payload"])
		require.Equal(t, map[string]string{"head": "3", "state": "0", "since": "1", "k:u:1": "1", "k:u:2": "2", "k:u:3": "3"},
			client.HGetAll(ctx, partition.Meta(room)).Val())
	})
}

func TestPublisher_answers(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		ctx, p := testContext(t), newPublisher(t, client, PublisherConfig{})
		// with returns a room of five events, the second of which changed its state.
		with := func(t *testing.T) domain.RoomID {
			room := newRoomID()
			for i := 1; i <= 5; i++ {
				m := aMessage(room, fmt.Sprint("event ", i), MetaKeyField, fmt.Sprint("k:u:", i))
				if i == 2 {
					m.Metadata.Set(MetaChangesRoom, "1")
				}
				require.NoError(t, p.Publish(partition.Log(), m))
			}
			return room
		}
		publish := func(room domain.RoomID, meta ...string) error {
			return p.Publish(partition.Log(), aMessage(room, "new", meta...))
		}
		head := func(room domain.RoomID) string { return client.HGet(ctx, partition.Meta(room), "head").Val() }

		t.Run("known key", func(t *testing.T) {
			room := with(t)
			m := aMessage(room, "again", MetaKeyField, "k:u:3", MetaExpect, "99", MetaFloor, "99")
			err := p.Publish(partition.Log(), m)
			require.Equal(t, &DuplicateError{Seq: 3, Payload: []byte("event 3")}, err)
			require.Equal(t, "3", m.Metadata.Get(MetaSeq))
			require.Equal(t, "5", head(room))
		})
		t.Run("known key, trimmed event", func(t *testing.T) {
			room := with(t)
			require.NoError(t, client.XTrimMinID(ctx, partition.Room(room), "0-4").Err())
			require.Equal(t, &DuplicateError{Seq: 3}, publish(room, MetaKeyField, "k:u:3"))
		})
		t.Run("same key in another room", func(t *testing.T) {
			require.NoError(t, publish(with(t), MetaKeyField, "k:other:3"))
		})
		t.Run("expected state", func(t *testing.T) {
			require.NoError(t, publish(with(t), MetaExpect, "2", MetaFloor, "5"))
		})
		t.Run("stale state", func(t *testing.T) {
			room := with(t)
			require.Equal(t, &StaleError{State: 2}, publish(room, MetaExpect, "1"))
			require.Equal(t, "5", head(room))
		})
		t.Run("floor above head", func(t *testing.T) {
			room := with(t)
			require.ErrorIs(t, publish(room, MetaFloor, "6"), ErrBehind)
			require.Equal(t, "5", head(room))
		})
		t.Run("keys in the archive", func(t *testing.T) {
			room := with(t)
			require.NoError(t, client.HSet(ctx, partition.Meta(room), "since", 4).Err())
			require.Equal(t, &AskError{Since: 4}, publish(room, MetaKeyField, "k:u:new"))
			require.Equal(t, &AskError{Since: 4}, publish(room, MetaKeyField, "k:u:new", MetaChecked, "3"))
			require.Equal(t, "5", head(room))
			require.NoError(t, publish(room, MetaKeyField, "k:u:new", MetaChecked, "4"))
			require.NoError(t, publish(room, MetaKeyField, "k:u:made here", MetaChecked, strconv.Itoa(neverUsed)))
			require.NoError(t, publish(room), "without a key there is nothing to ask")
		})
		t.Run("keys in the archive, none of which is as late", func(t *testing.T) {
			room := with(t)
			const early, latest, late = "k:u:01900000-0000-7abc-8abc-0123456789ab", "k:u:01900000-0001-7abc-8abc-0123456789ab", "k:u:01900000-0002-7abc-8abc-0123456789ab"
			require.NoError(t, client.HSet(ctx, partition.Meta(room), "since", 4, "trimmed", fmt.Sprint("4 ", 0x019000000001)).Err())
			for _, key := range []string{early, latest, "k:u:other", "k:u:01900000-0002-4abc-8abc-0123456789ab", late + "0"} {
				require.Equal(t, &AskError{Since: 4}, publish(room, MetaKeyField, key), key)
			}
			require.NoError(t, publish(room, MetaKeyField, late))
			require.Equal(t, "6", head(room))
			require.NoError(t, client.HSet(ctx, partition.Meta(room), "since", 5).Err())
			require.Equal(t, &AskError{Since: 5}, publish(room, MetaKeyField, "k:u:01900000-0003-7abc-8abc-0123456789ab"), "that is for another since")
		})
		t.Run("meta lost", func(t *testing.T) {
			room := with(t)
			require.NoError(t, client.Del(ctx, partition.Meta(room)).Err())
			require.ErrorIs(t, publish(room), ErrBehind)
			require.ErrorIs(t, publish(room, MetaFloor, "5"), ErrBehind)
			require.Equal(t, "0-5", client.XInfoStream(ctx, partition.Room(room)).Val().LastGeneratedID, "the stream is untouched")
		})
		t.Run("stream lost", func(t *testing.T) {
			room := with(t)
			require.NoError(t, client.Del(ctx, partition.Room(room)).Err())
			for range 7 { // however often: seq 1 to 5 were issued, 6 cannot be known to be next
				require.ErrorIs(t, publish(room, MetaFloor, "5"), ErrBehind)
			}
			require.Zero(t, client.XLen(ctx, partition.Room(room)).Val())
			require.Equal(t, "5", head(room))
		})
		t.Run("both lost", func(t *testing.T) {
			room := with(t)
			require.NoError(t, client.Del(ctx, partition.Meta(room), partition.Room(room)).Err())
			require.ErrorIs(t, publish(room, MetaFloor, "1"), ErrBehind)
			require.Zero(t, client.Exists(ctx, partition.Meta(room), partition.Room(room)).Val())
		})
		t.Run("stream ahead of meta", func(t *testing.T) {
			room := with(t)
			require.NoError(t, client.HSet(ctx, partition.Meta(room), "head", 4).Err())
			require.ErrorIs(t, publish(room, MetaFloor, "4"), ErrBehind)
		})
		t.Run("no room", func(t *testing.T) {
			require.ErrorContains(t, publish("not an id"), MetaRoom)
		})
	})
}

func TestPublisher_concurrentCallersGetDenseSeqs(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		p, other, room := newPublisher(t, client, PublisherConfig{}), newPublisher(t, client, PublisherConfig{MaxBatch: 3}), newRoomID()
		const callers, each = 64, 10
		var mu sync.Mutex
		var got []int
		var g errgroup.Group
		for i := range callers {
			p := []*Publisher{p, other}[i%2]
			g.Go(func() error {
				last := 0
				for range each {
					m := aMessage(room, "x", MetaKeyField, domain.KeyField("u", domain.NewID()))
					if err := p.Publish(partition.Log(), m); err != nil {
						return err
					}
					seq, err := strconv.Atoi(m.Metadata.Get(MetaSeq))
					if err != nil || seq <= last {
						return fmt.Errorf("seq %d after %d: %w", seq, last, err)
					}
					last = seq
					mu.Lock()
					got = append(got, seq)
					mu.Unlock()
				}
				return nil
			})
		}
		require.NoError(t, g.Wait())
		slices.Sort(got)
		want := make([]int, callers*each)
		for i := range want {
			want[i] = i + 1
		}
		require.Equal(t, want, got)
	})
}

func TestPublisher_oneKeyFromManySidesIsOneEvent(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		ctx := testContext(t)
		a, b := newPublisher(t, client, PublisherConfig{}), newPublisher(t, client, PublisherConfig{})
		room := newRoomID()
		const keys, sides = 20, 8
		var mu sync.Mutex
		appended := map[string]int{}
		seqs := map[string][]string{}
		var g errgroup.Group
		for i := range keys * sides {
			g.Go(func() error {
				key := domain.KeyField("u", strconv.Itoa(i%keys))
				m := aMessage(room, key, MetaKeyField, key)
				err := []*Publisher{a, b}[i/keys%2].Publish(partition.Log(), m)
				var known *DuplicateError
				if err != nil && !errors.As(err, &known) {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					appended[key]++
				}
				seqs[key] = append(seqs[key], m.Metadata.Get(MetaSeq))
				return nil
			})
		}
		require.NoError(t, g.Wait())
		require.Len(t, appended, keys)
		for key, n := range appended {
			require.Equal(t, 1, n, key)
			require.Len(t, slices.Compact(seqs[key]), 1, "all get the first result")
		}
		require.EqualValues(t, keys, client.XLen(ctx, partition.Log()).Val())
	})
}

func TestPublisher_live(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		ctx, room := testContext(t), newRoomID()
		sub := client.Subscribe(ctx, partition.Live(room))
		defer sub.Close()
		_, err := sub.Receive(ctx)
		require.NoError(t, err)
		silent, live := newPublisher(t, client, PublisherConfig{}), newPublisher(t, client, PublisherConfig{Live: true})
		require.NoError(t, silent.Publish(partition.Log(), aMessage(room, "silent")))
		m := aMessage(room, "{}", MetaSeqAt, "1")
		require.NoError(t, live.Publish(partition.Log(), m))
		require.NoError(t, client.Publish(ctx, partition.Live(room), "end").Err())
		got, err := sub.ReceiveMessage(ctx)
		require.NoError(t, err)
		require.Equal(t, m.UUID+"\n\n{2}", got.Payload)
		got, err = sub.ReceiveMessage(ctx)
		require.NoError(t, err)
		require.Equal(t, "end", got.Payload)
	})
}

func TestPublisher_seqBeyond32Bits(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		ctx, p, room := testContext(t), newPublisher(t, client, PublisherConfig{}), newRoomID()
		const last = uint64(1)<<52 - 2
		require.NoError(t, client.HSet(ctx, partition.Meta(room), "head", last, "state", 1, "since", last).Err())
		require.NoError(t, client.XAdd(ctx, &redis.XAddArgs{Stream: partition.Room(room), ID: streamID(last), Values: []string{"payload", "", "key", ""}}).Err())
		m := aMessage(room, "{}", MetaSeqAt, "1", MetaFloor, strconv.FormatUint(last, 10))
		require.NoError(t, p.Publish(partition.Log(), m))
		require.Equal(t, strconv.FormatUint(last+1, 10), m.Metadata.Get(MetaSeq))
	})
}

func TestPublisher_survivesTheScriptBeingForgotten(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		ctx, p, room := testContext(t), newPublisher(t, client, PublisherConfig{}), newRoomID()
		for range 3 {
			require.NoError(t, p.Publish(partition.Log(), aMessage(room, "x")))
			require.NoError(t, client.ScriptFlush(ctx).Err())
		}
		require.EqualValues(t, 3, client.XLen(ctx, partition.Log()).Val())
	})
}

func TestPublisher_inDoubt(t *testing.T) {
	server := domaintest.StartRedis(t)
	client := clientOf(t, server.Addr)
	p, room := newPublisher(t, client, PublisherConfig{Timeout: time.Second}), newRoomID()
	publish := func(ctx context.Context) error {
		m := aMessage(room, "x", MetaKeyField, "k:u:1")
		m.SetContext(ctx)
		return p.Publish(partition.Log(), m)
	}
	// Before anything is there, so that it is the append that hangs.
	require.NoError(t, p.Publish(partition.Log(), aMessage(room, "first")))

	server.Pause()
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(publish(testContext(t))), "Redis hangs")
	ctx, cancel := context.WithTimeout(testContext(t), time.Millisecond)
	defer cancel()
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(publish(ctx)), "the caller does not wait so long")
	server.Resume()

	// Whether it had been appended or not, the key finds out.
	var known *DuplicateError
	require.Eventually(t, func() bool {
		err := publish(testContext(t))
		return err == nil || errors.As(err, &known)
	}, 10*time.Second, 10*time.Millisecond)
	require.ErrorAs(t, publish(testContext(t)), &known)
	require.EqualValues(t, 2, known.Seq)
	require.EqualValues(t, 2, client.XLen(testContext(t), partition.Log()).Val())

	server.Kill()
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(publish(testContext(t))), "Redis is gone")
	server.Restart()
	require.ErrorAs(t, publish(testContext(t)), &known, "the append-only file has it")
}

func TestPublisher_reconnects(t *testing.T) {
	server := domaintest.StartRedis(t) // appendfsync always: an answer means durable
	client := clientOf(t, server.Addr)
	p, room := newPublisher(t, client, PublisherConfig{}), newRoomID()
	const publishers, each = 20, 50
	var answered atomic.Int32
	var g errgroup.Group
	for range publishers {
		g.Go(func() error {
			for range each {
				key := domain.KeyField("u", domain.NewID())
				for {
					err := p.Publish(partition.Log(), aMessage(room, key, MetaKeyField, key))
					var known *DuplicateError
					if err == nil || errors.As(err, &known) {
						break
					}
					if domain.CodeOf(err) != domain.CodeUnavailable {
						return err
					}
				}
				answered.Add(1)
			}
			return nil
		})
	}
	for _, kill := range []int32{publishers * each / 3, publishers * each / 2} {
		require.Eventually(t, func() bool { return answered.Load() >= kill }, time.Minute, time.Millisecond)
		server.Restart()
	}
	require.NoError(t, g.Wait())
	for _, stream := range []string{partition.Log(), partition.Room(room)} {
		entries, err := client.XRange(testContext(t), stream, "-", "+").Result()
		require.NoError(t, err)
		once := map[any]bool{}
		for _, entry := range entries {
			once[entry.Values["payload"]] = true
		}
		require.Len(t, entries, publishers*each, stream)
		require.Len(t, once, publishers*each, stream)
	}
}

func TestPublisher_refusalsOfRedisAreUnavailable(t *testing.T) {
	client := realRedis(t)
	ctx, p, room := testContext(t), newPublisher(t, client, PublisherConfig{}), newRoomID()
	require.NoError(t, p.Publish(partition.Log(), aMessage(room, "x")))
	require.NoError(t, client.ConfigSet(ctx, "maxmemory", "1").Err())
	err := p.Publish(partition.Log(), aMessage(room, "x"))
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(err), "%v", err)
	require.EqualValues(t, 1, client.XLen(ctx, partition.Log()).Val())
	require.NoError(t, client.ConfigSet(ctx, "maxmemory", "0").Err())
	require.NoError(t, p.Publish(partition.Log(), aMessage(room, "x")))

	require.NoError(t, client.Set(ctx, partition.Room("wrong"), "not a stream", 0).Err())
	wrong := newRoomID()
	require.NoError(t, client.Set(ctx, partition.Meta(wrong), "not a hash", 0).Err())
	err = p.Publish(partition.Log(), aMessage(wrong, "x"))
	require.Equal(t, domain.CodeInternal, domain.CodeOf(err), "%v", err)
}

// Appends that share a run of the script answer for themselves only.
func TestPublisher_oneRefusalIsNobodyElses(t *testing.T) {
	client := realRedis(t)
	ctx, p := testContext(t), newPublisher(t, client, PublisherConfig{})
	send := func(t *testing.T, rooms ...domain.RoomID) []answer {
		var batch []*request
		for _, room := range rooms {
			batch = append(batch, p.request(ctx, Append{
				Log: partition.Log(), Room: room, ID: domain.NewID(), Payload: []byte("x"), Key: "k:u:1", AnyState: true,
			}, ""))
		}
		answers := make([]answer, len(batch))
		runs := client.InfoMap(ctx, "commandstats").Val()["Commandstats"]["cmdstat_evalsha"]
		p.send(batch, answers)
		require.NotEqual(t, runs, client.InfoMap(ctx, "commandstats").Val()["Commandstats"]["cmdstat_evalsha"])
		return answers
	}
	written, broken := newRoomID(), newRoomID()
	require.Equal(t, []answer{{seq: 1}}, send(t, written))
	require.NoError(t, client.Set(ctx, partition.Meta(broken), "not a hash", 0).Err())

	t.Run("a broken room", func(t *testing.T) {
		first, last := newRoomID(), newRoomID()
		got := send(t, first, broken, last, first)
		require.Equal(t, answer{seq: 1}, got[0])
		require.Equal(t, domain.CodeInternal, domain.CodeOf(got[1].err), "%v", got[1].err)
		require.Equal(t, answer{seq: 1}, got[2])
		require.Equal(t, answer{seq: 1, err: &DuplicateError{Seq: 1, Payload: []byte("x")}}, got[3])
	})
	t.Run("no memory", func(t *testing.T) {
		require.NoError(t, client.ConfigSet(ctx, "maxmemory", "1").Err())
		first, last, before := newRoomID(), newRoomID(), client.XLen(ctx, partition.Log()).Val()
		got := send(t, written, first, written, last)
		require.NoError(t, client.ConfigSet(ctx, "maxmemory", "0").Err())
		known := answer{seq: 1, err: &DuplicateError{Seq: 1, Payload: []byte("x")}}
		require.Equal(t, []answer{known, known}, []answer{got[0], got[2]}, "what needs no memory is answered")
		for _, refused := range []answer{got[1], got[3]} {
			require.Equal(t, domain.CodeUnavailable, domain.CodeOf(refused.err), "%v", refused.err)
		}
		require.Equal(t, before, client.XLen(ctx, partition.Log()).Val())
		require.Zero(t, client.Exists(ctx, partition.Room(first), partition.Meta(first), partition.Room(last), partition.Meta(last)).Val())
		require.Equal(t, []answer{{seq: 1}, {seq: 1}}, send(t, first, last))
	})
}

// turnstile is a hook that holds pipelines until they are let through, or panics instead.
type turnstile struct {
	came    chan struct{}
	through chan error // an error is what the pipeline panics with
}

func (g turnstile) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (g turnstile) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (g turnstile) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		g.came <- struct{}{}
		if err := <-g.through; err != nil {
			panic(err)
		}
		return next(ctx, cmds)
	}
}

func TestPublisher_whoWaitsSendsNext(t *testing.T) {
	ctx, client, room := testContext(t), miniRedis(t), newRoomID()
	p := newPublisher(t, client, PublisherConfig{})
	g := turnstile{make(chan struct{}), make(chan error)}
	require.NoError(t, appendScript.Load(ctx, client).Err())
	client.AddHook(g)
	waiting := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.waiting)
	}
	publish := func(ctx context.Context, waits int) <-chan error {
		ended := make(chan error, 1)
		go func() {
			defer func() {
				if v := recover(); v != nil {
					ended <- v.(error)
				}
			}()
			m := aMessage(room, "x")
			m.SetContext(ctx)
			ended <- p.Publish(partition.Log(), m)
		}()
		require.Eventually(t, func() bool { return waiting() == waits }, 10*time.Second, time.Millisecond)
		return ended
	}
	inTime, leave := context.WithCancel(ctx)

	first := publish(ctx, 0)
	<-g.came
	second, late, third := publish(ctx, 1), publish(inTime, 2), publish(ctx, 3)
	leave()
	g.through <- nil
	require.NoError(t, <-first)
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(<-late), "its time is up")
	<-g.came
	fourth := publish(ctx, 1)
	broken := errors.New("broken")
	g.through <- broken
	require.Equal(t, broken, <-second, "who sends gets the panic")
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(<-third), "and who does not an answer")
	<-g.came
	g.through <- nil
	require.NoError(t, <-fourth)
	require.EqualValues(t, 2, client.XLen(ctx, partition.Log()).Val())
}

func TestPublisher_close(t *testing.T) {
	client := miniRedis(t)
	ctx, room := testContext(t), newRoomID()
	p, err := NewPublisher(client, PublisherConfig{MaxBatch: 4})
	require.NoError(t, err)
	var g errgroup.Group
	for range 50 {
		g.Go(func() error {
			for {
				if err := p.Publish(partition.Log(), aMessage(room, "x")); err != nil {
					if errors.Is(err, ErrClosed) {
						return nil
					}
					return err
				}
			}
		})
	}
	require.Eventually(t, func() bool { return client.XLen(ctx, partition.Log()).Val() > 100 }, 10*time.Second, time.Millisecond)
	require.NoError(t, p.Close())
	require.NoError(t, g.Wait())
	require.NoError(t, p.Close())
	require.ErrorIs(t, p.Publish(partition.Log(), aMessage(room, "x")), ErrClosed)
	require.NoError(t, client.Ping(ctx).Err(), "the client is not the publisher's")
}

func TestPublisher_splicesTheSeqIntoRealEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, client redis.UniversalClient) {
		ctx, p, room := testContext(t), newPublisher(t, client, PublisherConfig{}), newRoomID()
		e, err := domain.Command{Actor: domain.User{ID: "u", Name: "ada"}, Key: "k", At: time.Now()}.CreateRoom(room, "tea <&> é", domain.Public)
		require.NoError(t, err)
		for range 12 { // to two digits
			payload, at, err := domain.EncodeUnsequenced(e)
			require.NoError(t, err)
			require.NoError(t, p.Publish(partition.Log(), aMessage(room, string(payload), MetaSeqAt, strconv.Itoa(at))))
		}
		records, err := testStream{client}.Range(ctx, room, 0, 100)
		require.NoError(t, err)
		require.Len(t, records, 12)
		for i, rec := range records {
			require.True(t, json.Valid(rec.Payload))
			got, err := domain.DecodeRecord(rec.Payload)
			require.NoError(t, err)
			require.EqualValues(t, i+1, got.Seq)
		}
	})
}
