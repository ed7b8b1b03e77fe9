package fanout

import (
	dto "github.com/prometheus/client_model/go"
	"github.com/redis/go-redis/v9"
)

// Lost counts the connections that ended.
func (b *Bus) Lost() int {
	var m dto.Metric
	_ = b.metrics.reconnects.Write(&m)
	return int(m.GetCounter().GetValue())
}

// NewGap makes the message by which a bus signals a gap.
var NewGap = gapMessage

// Bring does what the reader of the connection does with a message.
func (b *Bus) Bring(topic, data string) {
	b.dispatch(&redis.Message{Channel: topic, Payload: data})
}
