package mongotest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func TestStart_keepsItsDataOverAKill(t *testing.T) {
	p := Start(t)
	client, err := mongo.Connect(options.Client().ApplyURI(p.URI).SetTimeout(5 * time.Second).SetServerSelectionTimeout(time.Second))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	things := client.Database("confab").Collection("things")
	_, err = things.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "one"}})
	require.NoError(t, err)

	p.Kill()
	p.Kill()
	require.Error(t, client.Ping(t.Context(), nil))
	uri := p.URI
	p.Restart()
	require.Equal(t, uri, p.URI)
	n, err := things.CountDocuments(t.Context(), bson.D{})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}

func TestDatabases_areEmptyAndDifferent(t *testing.T) {
	fresh := Databases(t)
	require.NotEqual(t, fresh(t), fresh(t))
}

func TestWithDatabase(t *testing.T) {
	for uri, want := range map[string]string{
		"mongodb://h":    "mongodb://h/d",
		"mongodb://h:1/": "mongodb://h:1/d",
		"mongodb://u:p@a:1,b:2/x?replicaSet=r&w=1": "mongodb://u:p@a:1,b:2/d?replicaSet=r&w=1",
		"mongodb+srv://h?tls=true":                 "mongodb+srv://h/d?tls=true",
		"mongodb://%2Ftmp%2Fs.sock/":               "mongodb://%2Ftmp%2Fs.sock/d",
	} {
		require.Equal(t, want, withDatabase(uri, "d"))
	}
}
