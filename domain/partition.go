package domain

import (
	"hash/fnv"
	"strconv"
	"strings"
)

// Partition is one of the P parts that all rooms are divided into. Its Redis keys
// share the hash tag {p}, so that a script touches one slot of a Redis Cluster.
type Partition int

// PartitionOf returns the partition of a room among n. The hash is fixed for ever:
// it decides where the data is.
func PartitionOf(room RoomID, n int) Partition {
	h := fnv.New32a()
	h.Write([]byte(room))
	return Partition(h.Sum32() % uint32(n))
}

func (p Partition) prefix() string { return "confab:{" + strconv.Itoa(int(p)) + "}:" }

// Log is the stream that the projector consumes: the partition's Watermill topic.
func (p Partition) Log() string { return p.prefix() + "log" }

// DeadLetters is the stream of log entries that nobody could read.
func (p Partition) DeadLetters() string { return p.prefix() + "deadletters" }

// Lease is the key under which one projector at a time owns the partition.
func (p Partition) Lease() string { return p.prefix() + "lease" }

// Room is the room's stream, its hot window: entries 0-<seq> with the fields
// "payload" (canonical JSON) and "key" (KeyField, or empty).
func (p Partition) Room(room RoomID) string { return RoomKey(p.Log(), room) }

// Meta is the hash that goes with the room's stream. Its fields:
//
//	head          seq of the newest event
//	state         seq of the newest event that changed the room's state
//	since         the keys of all events from this seq on are in this hash; while it is
//	              absent, nothing is appended: the room has to be repaired
//	trimmed       "<since> <ms>", while it is for the present since: of the keys before
//	              since, no UUIDv7 has a later time (its first 48 bits) than ms, so that a
//	              key that has is known to be none of them
//	frozen        set while nodes gather what they know of a room that went back
//	k:<user>:<key>  seq of the event that was sent with the key
func (p Partition) Meta(room RoomID) string { return MetaKey(p.Log(), room) }

// Salvage is the hash in which nodes gather what Redis has lost of a room: payloads by
// seq, and a field floor:<seq> for each seq that is known to have been issued.
func (p Partition) Salvage(room RoomID) string { return beside(p.Log(), "salvage:", room) }

// Live is the Pub/Sub channel on which the room's new events are published.
func (p Partition) Live(room RoomID) string { return LiveChannel(p.Log(), room) }

// The keys that belong to a room, by the log (the Watermill topic) of its partition.

// RoomKey returns the room's stream.
func RoomKey(log string, room RoomID) string { return beside(log, "room:", room) }

// MetaKey returns the room's meta hash.
func MetaKey(log string, room RoomID) string { return beside(log, "meta:", room) }

// LiveChannel returns the room's Pub/Sub channel.
func LiveChannel(log string, room RoomID) string { return beside(log, "live:", room) }

func beside(log, what string, room RoomID) string {
	return strings.TrimSuffix(log, "log") + what + string(room)
}

// KeyField is the field of the meta hash under which an idempotency key is remembered.
func KeyField(user UserID, key string) string { return "k:" + string(user) + ":" + key }
