// Package mongodb keeps history, accounts and sessions in MongoDB: the store of the
// cluster. See DESIGN.md.
package mongodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"

	"confab/domain"
)

// How long one operation may take, and how long a server is looked for. The URI may
// say otherwise (timeoutMS, serverSelectionTimeoutMS, connectTimeoutMS).
const (
	operationTimeout = 10 * time.Second
	selectionTimeout = 4 * time.Second
)

// Store is a domain.Store in a MongoDB database. It is safe for concurrent use.
type Store struct {
	client                                                              *mongo.Client
	events, rooms, members, messages, keys, accounts, sessions, history *mongo.Collection

	ensuring chan struct{} // a lock that a context can stop waiting for
	ensured  bool          // the indexes exist

	mu sync.Mutex
	// projected remembers rooms as the last Project left them, without members, so
	// that a batch that continues them needs no reading. Forgetting one is harmless.
	projected map[domain.RoomID]domain.Room

	holding  holding
	holdTime time.Duration
}

var _ domain.Store = (*Store)(nil)

// Open returns a store in the database that uri names ("confab" if none). It fails on
// a URI that makes no sense, and does not wait for a server: until there is one,
// calls fail with domain.CodeUnavailable after a few seconds. Indexes are made before
// the first write.
func Open(_ context.Context, uri string) (*Store, error) {
	return open(options.Client().ApplyURI(uri), uri)
}

func open(o *options.ClientOptions, uri string) (*Store, error) {
	parsed, err := connstring.Parse(uri)
	if err != nil {
		return nil, fmt.Errorf("open mongodb: %w", err)
	}
	if o.Timeout == nil {
		o.SetTimeout(operationTimeout)
	}
	if o.ServerSelectionTimeout == nil {
		o.SetServerSelectionTimeout(selectionTimeout)
	}
	if o.ConnectTimeout == nil {
		o.SetConnectTimeout(selectionTimeout)
	}
	// Redis is trimmed below what was written here, so it must survive a failover; and
	// what one reader saw must never be rolled back for the next.
	journal := true
	o.SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journal})
	o.SetReadConcern(readconcern.Majority())
	o.SetReadPreference(readpref.Primary())
	o.SetAppName("confab")

	client, err := mongo.Connect(o)
	if err != nil {
		return nil, fmt.Errorf("open mongodb: %w", err)
	}
	name := parsed.Database
	if name == "" {
		name = "confab"
	}
	db := client.Database(name)
	return &Store{
		client: client,
		events: db.Collection("events"), rooms: db.Collection("rooms"), members: db.Collection("members"),
		messages: db.Collection("messages"), keys: db.Collection("keys"),
		accounts: db.Collection("users"), sessions: db.Collection("sessions"), history: db.Collection("history"),
		ensuring:  make(chan struct{}, 1),
		projected: map[domain.RoomID]domain.Room{},
		holdTime:  holdTime,
	}, nil
}

// ID implements domain.Store. Of those who ask first at once, one names it.
func (s *Store) ID(ctx context.Context) (string, error) {
	_, err := insert(ctx, s.history, []historyDocument{{ID: theHistory, Name: domain.NewID()}}, true)
	var doc historyDocument
	if err == nil {
		doc, err = findOne[historyDocument](ctx, s.history, bson.D{is("_id", theHistory)})
	}
	return doc.Name, storeError("name the history", err)
}

// Ping reports whether the server answers.
func (s *Store) Ping(ctx context.Context) error {
	return storeError("ping", s.client.Ping(ctx, nil))
}

// Close waits a few seconds for running operations.
func (s *Store) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	err := s.client.Disconnect(ctx)
	if errors.Is(err, mongo.ErrClientDisconnected) {
		return nil
	}
	return storeError("close mongodb", err)
}

// storeError says what failed, and makes domain.CodeUnavailable of what a server that
// comes back gets over.
func storeError(what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", what, err)
	if errors.Is(err, context.Canceled) || errors.Is(err, domain.ErrDiverged) || errors.Is(err, domain.ErrGap) {
		return err
	}
	if transient(err) {
		return domain.Unavailable("the history", err)
	}
	return err
}

// passing are the codes that a read may be repeated after, by MongoDB's specification of
// retryable reads, and those of a cursor whose collection Rebuild drops.
var passing = []int{6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, 43, 175, 237}

func transient(err error) bool {
	if _, ok := errors.AsType[topology.ServerSelectionError](err); ok {
		return true
	}
	if e, ok := errors.AsType[mongo.LabeledError](err); ok &&
		(e.HasErrorLabel("RetryableWriteError") || e.HasErrorLabel("TransientTransactionError")) {
		return true // no primary, a pool that was just cleared, …: the driver has retried it once
	}
	if e, ok := errors.AsType[mongo.ServerError](err); ok && slices.ContainsFunc(passing, e.HasErrorCode) {
		return true // reads have no label
	}
	return mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.Is(err, mongo.ErrClientDisconnected)
}
