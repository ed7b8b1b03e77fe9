package swarm

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"confab/domain"
)

// What the load generator costs is taken from what it measures: both share the processors.
func BenchmarkTake(b *testing.B) {
	const n = 100
	s, err := New(netip.AddrPort{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	room := domain.RoomID(domain.NewID())
	var stream []byte
	for i := range n {
		p := []byte(fmt.Sprintf(`{"type":"event","room":%q,"seq":%s,"id":"01890a5d-ac96-774b-bcce-b302099a8057","kind":"message.posted","at":"2026-01-01T00:00:00.000Z","sender":{"id":"u_01890a5dac96774b","name":"Guest 1234"},"key":"1780000000000000000","body":"%s"}`, room, strconv.Itoa(i+1), Body(time.Now(), 128)))
		stream = binary.BigEndian.AppendUint16(append(stream, opText, 126), uint16(len(p)))
		stream = append(stream, p...)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)) / n)
	c := &Conn{swarm: s, opening: eventOpening(room)}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; b.Loop(); i++ {
		c.last = 0
		s.take(c, stream, time.Now().UnixNano())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/event")
	if s.stats.Violations > 0 || s.stats.Deliveries == 0 {
		b.Fatal(s.stats.First, s.stats.Deliveries)
	}
}
