package domain_test

import (
	"fmt"
	"testing"

	"confab/domain"
)

// The hash decides where the data of a room is. If this test fails, the change has
// lost every room of every installation: mend the change, not the figures.
func TestPartitionOf_isTheSameForEver(t *testing.T) {
	for _, tt := range []struct {
		room   domain.RoomID
		of16   domain.Partition
		of1024 domain.Partition
	}{
		{"aaaaaaaaaaaaaaaaaaaa", 9, 713},
		{"bbbbbbbbbbbbbbbbbbbb", 5, 837},
		{"k3v5q2x7m4n6p2r7s5t3", 13, 349},
		{"zyxwvutsrqponmlkjihg", 1, 81},
	} {
		if got := domain.PartitionOf(tt.room, 16); got != tt.of16 {
			t.Errorf("PartitionOf(%s, 16) = %d, want %d", tt.room, got, tt.of16)
		}
		if got := domain.PartitionOf(tt.room, 1024); got != tt.of1024 {
			t.Errorf("PartitionOf(%s, 1024) = %d, want %d", tt.room, got, tt.of1024)
		}
		if got := domain.PartitionOf(tt.room, 1); got != 0 {
			t.Errorf("PartitionOf(%s, 1) = %d, want 0", tt.room, got)
		}
	}
}

func TestPartitionOf_spreadsRooms(t *testing.T) {
	const partitions, rooms = 16, 16_000
	counts := [partitions]int{}
	for range rooms {
		counts[domain.PartitionOf(domain.RoomID(domain.NewID()), partitions)]++
	}
	for p, n := range counts {
		if n < rooms/partitions*3/4 || n > rooms/partitions*5/4 { // 8 standard deviations
			t.Errorf("partition %d holds %d of %d rooms", p, n, rooms)
		}
	}
}

func TestPartition_keysShareOneHashTag(t *testing.T) {
	p := domain.Partition(7)
	got := fmt.Sprint([]string{p.Log(), p.DeadLetters(), p.Lease(), p.Room(roomID), p.Meta(roomID), p.Live(roomID)})
	want := fmt.Sprintf("[confab:{7}:log confab:{7}:deadletters confab:{7}:lease confab:{7}:room:%[1]s confab:{7}:meta:%[1]s confab:{7}:live:%[1]s]", roomID)
	if got != want {
		t.Errorf("keys of partition 7:\n got %s\nwant %s", got, want)
	}
}

// A user id has a fixed length and no colon, so no two pairs share a field.
func TestKeyField_isInjective(t *testing.T) {
	a, b := domain.KeyField(ada.ID, "x:"+string(bob.ID)+":y"), domain.KeyField(bob.ID, "y")
	if a == b || domain.KeyField(ada.ID, "x") == domain.KeyField(bob.ID, "x") || domain.KeyField(ada.ID, "x") == domain.KeyField(ada.ID, "X") {
		t.Errorf("two keys share a field: %q, %q", a, b)
	}
}
