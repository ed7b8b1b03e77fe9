package fanout

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// register admits the collectors; a nil registerer means that nobody looks.
func register(reg prometheus.Registerer, cs ...prometheus.Collector) {
	if reg != nil {
		reg.MustRegister(cs...)
	}
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "confab", Subsystem: "fanout", Name: name, Help: help})
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "confab", Subsystem: "fanout", Name: name, Help: help})
}

func counterBy(label, name, help string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "confab", Subsystem: "fanout", Name: name, Help: help}, []string{label})
}

type busMetrics struct {
	topics     prometheus.Gauge
	messages   prometheus.Counter
	reconnects prometheus.Counter
	gaps       *prometheus.CounterVec
}

func newBusMetrics(reg prometheus.Registerer) *busMetrics {
	m := &busMetrics{
		topics:     gauge("bus_topics", "Topics that the live bus follows."),
		messages:   counter("bus_messages_total", "Messages that the live bus received."),
		reconnects: counter("bus_connections_lost_total", "Connections of the live bus that ended."),
		gaps:       counterBy("reason", "bus_gaps_total", "Places where messages may have been missed, signalled to a subscription."),
	}
	register(reg, m.topics, m.messages, m.reconnects, m.gaps)
	return m
}

func loggerOr(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
