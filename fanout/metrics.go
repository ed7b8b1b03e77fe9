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

type hubMetrics struct {
	rooms         prometheus.Gauge
	subscriptions prometheus.Gauge
	events        prometheus.Counter
	deliveries    prometheus.Counter
	replayed      prometheus.Counter
	pagesRead     prometheus.Counter
	repeats       prometheus.Counter
	sinksFailed   prometheus.Counter
	revoked       prometheus.Counter
	repairs       *prometheus.CounterVec
	headChecks    *prometheus.CounterVec
}

func newHubMetrics(reg prometheus.Registerer) *hubMetrics {
	m := &hubMetrics{
		rooms:         gauge("rooms", "Rooms that have subscribers here, or had a moment ago."),
		subscriptions: gauge("subscriptions", "Subscriptions of rooms."),
		events:        counter("events_total", "Events that rooms passed on to their members."),
		deliveries:    counter("deliveries_total", "Events written to members, one for each member."),
		replayed:      counter("replayed_total", "Events written to subscribers that were catching up."),
		pagesRead:     counter("pages_read_total", "Pages of older events read and encoded, for all who were catching up at that place."),
		repeats:       counter("repeats_total", "Live events that came again and were dropped."),
		sinksFailed:   counter("subscribers_dropped_total", "Subscriptions that ended because their connection was closed or over its backlog."),
		revoked:       counter("subscriptions_revoked_total", "Subscriptions that ended because the user may not read the room any more."),
		repairs:       counterBy("how", "repairs_total", "Gaps in live events, by what became of them: fetch, jump (each member catches up), nothing (there was no gap), failed; and rooms whose head went back: put_back, reset (another history)."),
		headChecks:    counterBy("result", "head_checks_total", "Checks of the heads of all rooms here."),
	}
	register(reg, m.rooms, m.subscriptions, m.events, m.deliveries, m.replayed, m.pagesRead, m.repeats, m.sinksFailed, m.revoked, m.repairs, m.headChecks)
	return m
}

func (m *hubMetrics) passed(events, deliveries int) {
	m.events.Add(float64(events))
	m.deliveries.Add(float64(deliveries))
}
