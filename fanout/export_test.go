package fanout

import dto "github.com/prometheus/client_model/go"

// Lost counts the connections that ended.
func (b *Bus) Lost() int {
	var m dto.Metric
	_ = b.metrics.reconnects.Write(&m)
	return int(m.GetCounter().GetValue())
}

// NewGap makes the message by which a bus signals a gap.
var NewGap = gapMessage
