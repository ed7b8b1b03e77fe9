package mongodb

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// indexes returns those besides that of _id, which serves most queries.
func (s *Store) indexes() map[*mongo.Collection][]mongo.IndexModel {
	return map[*mongo.Collection][]mongo.IndexModel{
		s.rooms:   {{Keys: ascending("visibility", "_id")}},
		s.members: {{Keys: ascending("user", "room")}},
		s.accounts: {
			// Guests have no name_key; sparse leaves them out.
			{Keys: ascending("name_key"), Options: options.Index().SetUnique(true).SetSparse(true)},
		},
		s.sessions: {
			{Keys: ascending("user", "created_at", "id")},
			// The server deletes what has expired. Where it cannot, they are only hidden.
			{Keys: ascending("expires_at"), Options: options.Index().SetExpireAfterSeconds(0)},
		},
	}
}

func ascending(fields ...string) bson.D {
	var keys bson.D
	for _, f := range fields {
		keys = append(keys, bson.E{Key: f, Value: 1})
	}
	return keys
}

// ensure makes the indexes once, before the first write. It is tried again until it
// has worked.
func (s *Store) ensure(ctx context.Context) error {
	select {
	case s.ensuring <- struct{}{}:
		defer func() { <-s.ensuring }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.ensured {
		return ctx.Err()
	}
	for collection, models := range s.indexes() {
		if err := createIndexes(ctx, collection, models); err != nil {
			return err
		}
	}
	s.ensured = true
	return nil
}

func createIndexes(ctx context.Context, c *mongo.Collection, models []mongo.IndexModel) error {
	for _, m := range models {
		if _, err := c.Indexes().CreateOne(ctx, m); err != nil && !noTTL(m, err) {
			return fmt.Errorf("create index of %s: %w", c.Name(), err)
		}
	}
	return nil
}

// noTTL reports whether the server said that it has no TTL indexes, as FerretDB does.
func noTTL(m mongo.IndexModel, err error) bool {
	const notImplemented = 238
	e, ok := errors.AsType[mongo.CommandError](err)
	return ok && e.Code == notImplemented && m.Keys.(bson.D)[0].Key == "expires_at"
}
