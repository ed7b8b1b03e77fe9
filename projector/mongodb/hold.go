package mongodb

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"confab/domain"
)

// holdTime is for how long a holder may be silent: longer than an election of the servers
// takes, in which nobody can speak.
const holdTime = 15 * time.Second

// holderDocument says which log this history is of.
type holderDocument struct {
	ID   string `bson:"_id"` // theHolder
	Log  string `bson:"log"`
	Beat string `bson:"beat"` // another one each time that the log's processes speak
}

const theHolder = "holder"

// holding is what a Store knows of who holds its history.
type holding struct {
	mu    sync.Mutex
	log   string         // that this Store held it for last
	rival holderDocument // seen last in its place
	since time.Time      // when it was first seen
	heard int            // how often its log has spoken meanwhile
}

// heardOften is how often a log has to speak to be there: one that Redis has just lost, with all
// else, may still be heard of.
const heardOften = 3

// Hold says that this history is that of a log (a Redis, by an ID of its content): two logs would
// number the events of a room twice. All who share the log say so again and again, more
// often than holdTime.
//
// While another log's processes may be there, Hold fails with domain.CodeUnavailable, and once it
// has heard them with domain.CodeConflict. They are gone when their beat stands still for
// holdTime by our own clock, so clocks need not agree (Burrows, "The Chubby lock service",
// OSDI 2006, 2.8: lock-delay).
func (s *Store) Hold(ctx context.Context, log string) error {
	s.holding.mu.Lock()
	defer s.holding.mu.Unlock()
	return storeError("hold the history", s.hold(ctx, log))
}

func (s *Store) hold(ctx context.Context, log string) error {
	mine := holderDocument{ID: theHolder, Log: log, Beat: domain.NewID()}
	held, err := s.replaceHolder(ctx, bson.D{is("_id", theHolder), is("log", log)}, mine)
	if held || err != nil {
		return err
	}
	if _, err := insert(ctx, s.history, []holderDocument{mine}, true); err != nil {
		return err
	}
	now, err := findOne[holderDocument](ctx, s.history, bson.D{is("_id", theHolder)})
	if err != nil {
		return err
	}
	h := &s.holding
	if now.Log != h.rival.Log {
		h.heard = 0
	}
	if now != h.rival {
		h.rival, h.since = now, time.Now()
		h.heard++
	}
	switch {
	case now.Log == log:
		h.log = log
		return nil
	case now.Log == h.log: // our Redis has lost everything, and got another ID
	case h.heard > heardOften:
		return domain.Errorf(domain.CodeConflict, "this database holds the history of another Redis, which is in use: "+
			"processes that share a database share a Redis, too, by CONFAB_REDIS_URL; for a new history, use an empty database")
	case time.Since(h.since) < s.holdTime:
		return domain.Unavailable("the history", errors.New("it may be in use with another Redis; waiting for a sign"))
	}
	held, err = s.replaceHolder(ctx, bson.D{is("_id", theHolder), is("log", now.Log), is("beat", now.Beat)}, mine)
	if err == nil && !held {
		err = domain.Unavailable("the history", errors.New("somebody else was faster to hold it"))
	}
	return err
}

func (s *Store) replaceHolder(ctx context.Context, filter bson.D, by holderDocument) (held bool, err error) {
	res, err := s.history.ReplaceOne(ctx, filter, by)
	if err != nil || res.MatchedCount == 0 {
		return false, err
	}
	s.holding.log = by.Log
	return true, nil
}

// Release gives up what Hold has held for a log that ends with its process, so that the next
// one need not wait.
func (s *Store) Release(ctx context.Context, log string) error {
	_, err := s.history.DeleteOne(ctx, bson.D{is("_id", theHolder), is("log", log)})
	return storeError("release the history", err)
}
