package ingest

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"confab/domain"
)

// publisherMetrics count what the append script answered.
type publisherMetrics struct {
	seconds  *prometheus.HistogramVec // by outcome
	appended prometheus.Observer      // of seconds, since to ask for it takes longer than to observe
	batch    prometheus.Histogram
}

func newPublisherMetrics(reg prometheus.Registerer) (*publisherMetrics, error) {
	m := &publisherMetrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "confab_ingest_append_seconds",
			Help:    "Time from Publish to the append script's answer, by outcome.",
			Buckets: prometheus.ExponentialBuckets(0.0002, 2.5, 12),
		}, []string{"outcome"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "confab_ingest_append_batch_size",
			Help:    "Appends sent to Redis in one pipeline.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
	}
	m.appended = m.seconds.WithLabelValues("appended")
	return m, register(reg, m.seconds, m.batch)
}

func (m *publisherMetrics) observe(err error, d time.Duration) {
	if err == nil {
		m.appended.Observe(d.Seconds())
		return
	}
	m.seconds.WithLabelValues(outcome(err)).Observe(d.Seconds())
}

func outcome(err error) string {
	var (
		duplicate *DuplicateError
		stale     *StaleError
		ask       *AskError
	)
	switch {
	case errors.As(err, &duplicate):
		return "duplicate"
	case errors.As(err, &stale):
		return "stale"
	case errors.As(err, &ask):
		return "ask"
	case errors.Is(err, ErrBehind):
		return "behind"
	case domain.CodeOf(err) == domain.CodeUnavailable:
		return "unavailable"
	}
	return "failed"
}

// serviceMetrics count commands and what they cost besides the append.
type serviceMetrics struct {
	commands *prometheus.CounterVec // by command and code
	repairs  *prometheus.CounterVec // by result
	lost     prometheus.Counter
	rooms    prometheus.GaugeFunc
}

func newServiceMetrics(reg prometheus.Registerer, cached func() int) (*serviceMetrics, error) {
	m := &serviceMetrics{
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_ingest_commands_total",
			Help: "Commands by name and by the code of their answer: ok, duplicate or an error's.",
		}, []string{"command", "code"}),
		repairs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_ingest_repairs_total",
			Help: "Rooms that Redis had forgotten something of, by what became of them.",
		}, []string{"result"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "confab_ingest_lost_events_total",
			Help: "Events that neither Redis nor the archive held any more; a tombstone has their seq.",
		}),
		rooms: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "confab_ingest_cached_rooms",
			Help: "Rooms whose state is cached.",
		}, func() float64 { return float64(cached()) }),
	}
	return m, register(reg, m.commands, m.repairs, m.lost, m.rooms)
}

func (m *serviceMetrics) answered(command string, r domain.Receipt, err error) {
	code := "ok"
	switch {
	case err != nil:
		code = string(domain.CodeOf(err))
	case r.Duplicate:
		code = "duplicate"
	}
	m.commands.WithLabelValues(command, code).Inc()
}

func register(reg prometheus.Registerer, collectors ...prometheus.Collector) error {
	if reg == nil {
		return nil
	}
	for _, c := range collectors {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}
