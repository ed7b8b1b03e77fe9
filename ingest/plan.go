package ingest

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"confab/domain"
)

// plan says what Redis shall hold of a room.
type plan struct {
	room   *domain.Room // its state at head
	head   uint64
	since  uint64
	window []event // since to head: those whose keys Redis knows
	anew   bool    // the stream is to be made anew
	stream []event // to be added to the stream
	log    []event // to be logged again, for the projector
	lost   int     // how many of them are tombstones
}

// nothingToDo reports whether what was found is what shall be.
func (p plan) nothingToDo(found remains) bool {
	return !p.anew && len(p.stream) == 0 && found.head == p.head && found.state == p.room.StateSeq && found.meta[2] != ""
}

// plan works out how the room goes on. The head is the highest seq that anybody
// knows of; everything up to it comes from the archive, else from the stream, else
// from what nodes have gathered, else from the log; where nobody has it, a tombstone takes
// its seq, since a seq is never issued twice.
func (p *repairer) plan(ctx context.Context, found remains, floor uint64) (plan, error) {
	archived, err := p.archive.Head(ctx, found.room)
	if err != nil {
		return plan{}, domain.Unavailable("the archive", err)
	}
	recent := make(map[uint64]event, len(found.events))
	for _, e := range found.events {
		recent[e.Seq] = e
	}
	for _, e := range found.salvaged {
		if _, ok := recent[e.Seq]; !ok && e.Seq > archived {
			recent[e.Seq] = e
		}
	}
	head := max(found.head, found.last(), archived, floor, found.floor)
	logged, archived, err := p.search(ctx, found.room, recent, archived, head)
	if err != nil {
		return plan{}, err
	}
	head = max(head, archived)
	lost, err := p.bury(found.room, recent, archived, head)
	if err != nil {
		return plan{}, err
	}

	pl := plan{head: head, lost: lost, anew: !found.sound(archived)}
	after := found.last() // the stream continues after this
	if pl.anew {
		oldest := min(archived+1, head-min(head, p.hotWindow)+1)
		after, pl.since = oldest-1, oldest
	} else {
		pl.since = found.events[0].Seq
	}
	if pl.room, err = p.fold(ctx, found.room, recent, after, archived, head); err != nil {
		return plan{}, err
	}
	for seq := pl.since; seq <= head; seq++ {
		e, ok := recent[seq]
		if !ok {
			return plan{}, domain.Unavailable("the archive", fmt.Errorf("it lacks event %d of room %s", seq, found.room))
		}
		pl.window = append(pl.window, e)
		if seq > after {
			pl.stream = append(pl.stream, e)
		}
		// One block up to the head: searchLog stops where that begins.
		if seq > archived && (!logged[seq] || len(pl.log) > 0) {
			pl.log = append(pl.log, e)
		}
	}
	return pl, nil
}

// search looks for the events between archive and head that the stream does not
// hold, adds what it finds to recent, and returns which it found in the log, and
// what is archived by now.
//
// An event leaves the log only when it is in the archive, so the archive is asked
// last. What is nowhere may be on its way into the archive: it is given a while.
func (p *repairer) search(ctx context.Context, room domain.RoomID, recent map[uint64]event, archived, head uint64) (map[uint64]bool, uint64, error) {
	missing := func() int {
		n := 0
		for seq := archived + 1; seq <= head; seq++ {
			if _, ok := recent[seq]; !ok {
				n++
			}
		}
		return n
	}
	logged := map[uint64]bool{}
	deadline := time.Now().Add(p.lostAfter)
	for missing() > 0 {
		if err := p.searchLog(ctx, room, recent, logged, archived); err != nil {
			return nil, 0, err
		}
		var err error
		if archived, err = p.archive.Head(ctx, room); err != nil {
			return nil, 0, domain.Unavailable("the archive", err)
		}
		n := missing()
		if n == 0 || !time.Now().Before(deadline) {
			if n > int(p.hotWindow) {
				// That many are not lost by an accident that we understand.
				return nil, 0, domain.Unavailable("the archive", fmt.Errorf("it has %d events of room %s, but %d were issued", archived, room, head))
			}
			break
		}
		select {
		case <-time.After(min(100*time.Millisecond, p.lostAfter)):
		case <-ctx.Done():
			return nil, 0, domain.Unavailable("the archive", ctx.Err())
		}
	}
	return logged, archived, nil
}

// searchLog reads the partition's log, newest first, until it has all events of the
// room after archived, or its end.
func (p *repairer) searchLog(ctx context.Context, room domain.RoomID, recent map[uint64]event, logged map[uint64]bool, archived uint64) error {
	log := domain.PartitionOf(room, p.partitions).Log()
	mine := []byte(`{"room":"` + string(room) + `",`)
	for to := "+"; ; {
		entries, err := p.redis.XRevRangeN(ctx, log, to, "-", page).Result()
		if err != nil {
			return domain.Unavailable("Redis", err)
		}
		for _, entry := range entries {
			payload, _ := entry.Values["payload"].(string)
			if !bytes.HasPrefix([]byte(payload), mine) {
				continue
			}
			rec, err := domain.DecodeRecord([]byte(payload))
			if err != nil {
				continue // the projector will set it aside
			}
			if _, ok := recent[rec.Seq]; !ok && rec.Seq > archived {
				if recent[rec.Seq], err = eventOf(rec); err != nil {
					return err
				}
				logged[rec.Seq] = true
			}
			if rec.Seq <= archived+1 {
				return nil // what stands before it is older
			}
		}
		if len(entries) < page {
			return nil
		}
		to = "(" + entries[len(entries)-1].ID
	}
}

// fold returns the room's state at head. On the way it adds the archived events after
// a seq to recent.
func (p *repairer) fold(ctx context.Context, id domain.RoomID, recent map[uint64]event, after, archived, head uint64) (*domain.Room, error) {
	room, err := viewedRoom(ctx, p.views, id)
	if err != nil {
		return nil, err
	}
	for from := min(room.Seq, after); from < archived; {
		records, err := p.archive.Range(ctx, id, from, page)
		if err != nil {
			return nil, domain.Unavailable("the archive", err)
		}
		if len(records) == 0 {
			return nil, domain.Unavailable("the archive", fmt.Errorf("room %s has no event after %d, and its head is %d", id, from, archived))
		}
		if err := applyRecords(room, records); err != nil {
			return nil, err
		}
		for _, rec := range records {
			if rec.Seq > after {
				if recent[rec.Seq], err = eventOf(rec); err != nil {
					return nil, err
				}
			}
		}
		from = records[len(records)-1].Seq
	}
	for seq := archived + 1; seq <= head; seq++ {
		if e, ok := recent[seq]; ok {
			if err := applyRecords(room, []domain.Record{e.Record}); err != nil {
				return nil, err
			}
		}
	}
	if !room.Exists() {
		return nil, domain.ErrRoomNotFound()
	}
	room.Seq = head
	return room, nil
}

// bury adds tombstones to recent for the events up to head that were issued and that
// nobody has any more, and returns how many. Somebody may have seen those events, so the
// last tombstone begins a new epoch.
func (p *repairer) bury(room domain.RoomID, recent map[uint64]event, archived, head uint64) (lost int, err error) {
	kind := domain.RoomReset
	for seq := head; seq > archived; seq-- {
		if _, ok := recent[seq]; ok {
			continue
		}
		rec, err := domain.EncodeEvent(domain.Event{Room: room, Seq: seq, Kind: kind, ID: domain.NewID(), At: domain.At(p.now())})
		if err != nil {
			return 0, err
		}
		recent[seq], kind = event{Record: rec}, domain.EventLost
		lost++
	}
	return lost, nil
}
