package domain_test

import (
	"strings"
	"testing"

	"confab/domain"
)

// What a message of 128 bytes costs this package, on its way in and out.
var posted = domain.Event{
	Room: roomID, Seq: 42, Kind: domain.MessagePosted, ID: "ffffffffffffffffffff", At: domain.At(noon), Actor: ada,
	Key: "0198c5d2-7a3b-7c1e-9f00-0123456789ab", Body: strings.Repeat("a message, ", 12)[:128],
}

func postedRecord(b *testing.B) domain.Record {
	rec, err := domain.EncodeEvent(posted)
	if err != nil {
		b.Fatal(err)
	}
	return rec
}

func BenchmarkEncodeUnsequenced(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := domain.EncodeUnsequenced(posted); err != nil {
			b.Fatal(err)
		}
	}
}

// Text that JSON writes with escapes.
func BenchmarkEncodeUnsequenced_twoLines(b *testing.B) {
	e := posted
	e.Body = e.Body[:64] + "\n" + e.Body[65:]
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := domain.EncodeUnsequenced(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeRecord(b *testing.B) {
	payload := postedRecord(b).Payload
	b.ReportAllocs()
	for b.Loop() {
		if _, err := domain.DecodeRecord(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeEvent(b *testing.B) {
	payload := postedRecord(b).Payload
	b.ReportAllocs()
	for b.Loop() {
		if _, err := domain.DecodeEvent(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSkimRecord(b *testing.B) {
	rec := postedRecord(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := domain.SkimRecord(rec.Room, rec.Payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecord_Kind(b *testing.B) {
	rec := postedRecord(b)
	b.ReportAllocs()
	for b.Loop() {
		rec.Kind()
	}
}

func BenchmarkNewID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		domain.NewID()
	}
}

func BenchmarkKeyField(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		domain.KeyField(posted.Actor.ID, posted.Key)
	}
}

func BenchmarkPartitionOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		domain.PartitionOf(roomID, 16).Log()
	}
}

func BenchmarkCheckBody(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := domain.CheckBody(posted.Body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := domain.CheckKey(posted.Key); err != nil {
			b.Fatal(err)
		}
	}
}

// The decision as a whole: permissions, text checks, a new id.
func BenchmarkPostMessage(b *testing.B) {
	r := domain.NewRoom(roomID)
	for _, e := range []domain.Event{golden["room.created.1"], golden["member.joined.1"]} {
		if err := r.Apply(e); err != nil {
			b.Fatal(err)
		}
	}
	c := domain.Command{Actor: ada, Key: posted.Key, At: noon}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.PostMessage(r, posted.Body); err != nil {
			b.Fatal(err)
		}
	}
}
