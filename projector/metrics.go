package projector

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"confab/domain"
)

type metrics struct {
	owned          prometheus.Gauge
	logEntries     *prometheus.GaugeVec   // partition
	pending        *prometheus.GaugeVec   // partition
	records        prometheus.Counter     //
	batchSize      prometheus.Histogram   //
	projectSeconds prometheus.Histogram   //
	lagSeconds     prometheus.Histogram   //
	retries        *prometheus.CounterVec // on
	poison         *prometheus.CounterVec // reason
	filled         *prometheus.CounterVec // outcome
	trimmed        *prometheus.CounterVec // what
}

func newMetrics(reg prometheus.Registerer) *metrics {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "confab", Subsystem: "projector", Name: name, Help: help}
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts(opts(name, help)), labels)
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts(opts(name, help)), labels)
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "confab", Subsystem: "projector", Name: name, Help: help, Buckets: buckets,
		})
	}
	m := &metrics{
		owned:          prometheus.NewGauge(prometheus.GaugeOpts(opts("owned_partitions", "Partitions that this process works on."))),
		logEntries:     gauge("log_entries", "Entries in the log, of which all but the last are to be projected: the lag.", "partition"),
		pending:        gauge("pending_entries", "Log entries read but not acked.", "partition"),
		records:        prometheus.NewCounter(prometheus.CounterOpts(opts("records_total", "Records made durable."))),
		batchSize:      histogram("batch_entries", "Log entries in a batch.", prometheus.ExponentialBuckets(1, 4, 6)),
		projectSeconds: histogram("project_seconds", "Time until the store had a batch, tries included.", prometheus.ExponentialBuckets(.0005, 4, 9)),
		lagSeconds: histogram("lag_seconds", "From an entry's append, by Redis' clock, until it was durable in the store, by ours.",
			[]float64{.005, .01, .02, .03, .04, .05, .075, .1, .15, .25, .5, 1, 5, 30, 120, 600, 3600}),
		retries: counter("retries_total", "Calls that failed and were tried again.", "on"),
		poison:  counter("poison_total", "Log entries set aside in the dead letters.", "reason"),
		filled:  counter("filled_total", "Seqs that the log did not bring: found elsewhere, or lost.", "outcome"),
		trimmed: counter("trimmed_entries_total", "Stream entries removed after they were archived.", "stream"),
	}
	if reg != nil {
		reg.MustRegister(m.owned, m.logEntries, m.pending, m.records, m.batchSize, m.projectSeconds, m.lagSeconds,
			m.retries, m.poison, m.filled, m.trimmed)
	}
	return m
}

// forget removes the gauges of a partition that now is another's.
func (m *metrics) forget(part domain.Partition) {
	m.logEntries.DeleteLabelValues(partLabel(part))
	m.pending.DeleteLabelValues(partLabel(part))
}

func partLabel(p domain.Partition) string { return strconv.Itoa(int(p)) }
