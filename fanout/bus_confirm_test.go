package fanout

import "testing"

// Wanted, dropped and wanted again before Redis has answered anything: only the third
// answer confirms.
func TestBus_anAnswerToAnEarlierCommandConfirmsNothing(t *testing.T) {
	b := NewBus(nil, BusConfig{})
	b.started = true // without a connection but this
	c := &connection{followed: map[string]bool{}, unanswered: map[string]int{}}
	s := newListener(b, "x")
	follow := func() *topic {
		b.mu.Lock()
		defer b.mu.Unlock()
		topic := b.follow("x")
		topic.subs = append(topic.subs, s.Feed)
		return topic
	}
	follow()
	b.changes(c)
	b.drop(s.Feed)
	b.changes(c)
	again := follow()
	b.changes(c)
	for answer := range 3 {
		if isClosed(again.confirmed) {
			t.Fatalf("confirmed after %d of 3 answers", answer)
		}
		b.confirm(c, "x")
	}
	if !isClosed(again.confirmed) {
		t.Fatal("not confirmed after all answers")
	}
	b.drop(s.Feed)
	follow() // before the connection heard of it: it is followed all the time
	b.changes(c)
	if !isClosed(b.topics["x"].confirmed) {
		t.Fatal("not confirmed although it is followed")
	}
}
