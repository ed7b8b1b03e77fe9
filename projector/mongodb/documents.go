package mongodb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"confab/domain"
)

// The documents. Text of users is a value everywhere, never a field's name, and
// queries are made of typed values, so that it is never an operator either.
//
// An _id that begins with a room and a colon lets the _id index serve all of a room:
// ranges over it, in order.

type eventDocument struct {
	ID   string `bson:"_id"` // position
	Data []byte `bson:"data"`
}

type roomDocument struct {
	ID         domain.RoomID     `bson:"_id"`
	Name       string            `bson:"name"`
	Visibility domain.Visibility `bson:"visibility"` // empty: the room's creation was lost
	Epoch      string            `bson:"epoch"`
	EpochSeq   uint64            `bson:"epoch_seq"` // of the event that began it
	CreatedAt  time.Time         `bson:"created_at"`
	Seq        uint64            `bson:"seq"` // of the newest event in all the views
	StateSeq   uint64            `bson:"state_seq"`
}

type memberDocument struct {
	ID    string        `bson:"_id"` // room:user
	Room  domain.RoomID `bson:"room"`
	User  domain.UserID `bson:"user"`
	Name  string        `bson:"name"`
	Guest bool          `bson:"guest"`
	Role  domain.Role   `bson:"role"` // empty: the user left
	Seq   uint64        `bson:"seq"`  // of the event that last changed it
}

type messageDocument struct {
	ID          string        `bson:"_id"` // position
	Seq         uint64        `bson:"seq"`
	EventID     string        `bson:"id"`
	Key         string        `bson:"key"`
	At          time.Time     `bson:"at"`
	Author      domain.UserID `bson:"author"`
	AuthorName  string        `bson:"author_name"`
	AuthorGuest bool          `bson:"author_guest"`
	Body        string        `bson:"body"`
}

type keyDocument struct {
	ID  string `bson:"_id"` // room:user:key
	Seq uint64 `bson:"seq"`
}

type accountDocument struct {
	ID           domain.UserID `bson:"_id"`
	Name         string        `bson:"name"`
	Guest        bool          `bson:"guest"`
	NameKey      string        `bson:"name_key,omitempty"`
	PasswordHash string        `bson:"password_hash"`
	CreatedAt    time.Time     `bson:"created_at"`
}

type sessionDocument struct {
	TokenHash string        `bson:"_id"`
	ID        string        `bson:"id"`
	User      domain.UserID `bson:"user"`
	Name      string        `bson:"name"`
	Guest     bool          `bson:"guest"`
	CreatedAt time.Time     `bson:"created_at"`
	ExpiresAt time.Time     `bson:"expires_at"`
	UserAgent string        `bson:"user_agent"`
}

type historyDocument struct {
	ID         string `bson:"_id"` // theHistory
	Name       string `bson:"name"`
	Rebuilding bool   `bson:"rebuilding"` // or a Rebuild broke off: rooms may be missing in the views
}

const theHistory = "history"

// position is the _id of what a room has at a seq. Positions sort like seqs.
func position(room domain.RoomID, seq uint64) string { return fmt.Sprintf("%s:%020d", room, seq) }

func keyID(room domain.RoomID, user domain.UserID, key string) string {
	return string(room) + ":" + string(user) + ":" + key
}

// is, above and in make the conditions that queries consist of.

func is(field string, value any) bson.E { return bson.E{Key: field, Value: value} }

func above(field string, value any) bson.E { return is(field, bson.D{is("$gt", value)}) }

func in[T any](field string, values []T) bson.E {
	return is(field, bson.D{is("$in", append([]T{}, values...))}) // nil would be a null
}

// ofRoom selects by an _id that begins with the room.
func ofRoom(room domain.RoomID) bson.D {
	const afterColon = ";"
	return bson.D{is("_id", bson.D{is("$gt", string(room)+":"), is("$lt", string(room)+afterColon)})}
}

// find reads all documents of a query; no sort and limit 0 mean in any order and all.
func find[T any](ctx context.Context, c *mongo.Collection, filter, sort bson.D, limit int) ([]T, error) {
	o := options.Find()
	if len(sort) > 0 {
		o.SetSort(sort)
	}
	if limit > 0 {
		o.SetLimit(int64(limit))
	}
	cursor, err := c.Find(ctx, filter, o)
	if err != nil {
		return nil, err
	}
	var all []T
	return all, cursor.All(ctx, &all)
}

// findOne reads one document, or returns domain.ErrNotFound.
func findOne[T any](ctx context.Context, c *mongo.Collection, filter bson.D) (doc T, err error) {
	err = c.FindOne(ctx, filter).Decode(&doc)
	if errors.Is(err, mongo.ErrNoDocuments) {
		err = domain.ErrNotFound
	}
	return doc, err
}

// insert inserts what is not there yet, and returns the indexes of what was.
func insert[T any](ctx context.Context, c *mongo.Collection, docs []T, ordered bool) (duplicates []int, err error) {
	if len(docs) == 0 {
		return nil, nil
	}
	_, err = c.InsertMany(ctx, docs, options.InsertMany().SetOrdered(ordered))
	e, ok := errors.AsType[mongo.BulkWriteException](err)
	if !ok || e.WriteConcernError != nil {
		return nil, err
	}
	for _, we := range e.WriteErrors {
		if !mongo.IsDuplicateKeyError(we) {
			return nil, err
		}
		duplicates = append(duplicates, we.Index)
	}
	return duplicates, nil
}
