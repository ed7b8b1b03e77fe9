package web

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are the numbers of this package; what they mean stands in their help.
type metrics struct {
	requests *prometheus.HistogramVec
	panics   prometheus.Counter
	limited  *prometheus.CounterVec

	violations prometheus.Counter

	connections prometheus.Gauge
	rings       prometheus.Gauge
	frames      map[string]prometheus.Counter // by type: to ask the CounterVec takes longer
	delivered   prometheus.Counter
	closes      *prometheus.CounterVec
}

// frame counts a frame of a client.
func (m *metrics) frame(kind string) { m.frames[kind].Inc() }

// frameTypes are those that a client sends, and what else is made of a frame.
var frameTypes = []string{"subscribe", "unsubscribe", "send", "ping", "invalid", "binary", "too_large"}

// closed counts a WebSocket that the server ended.
func (m *metrics) closed(code int) { m.closes.WithLabelValues(strconv.Itoa(code)).Inc() }

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	m := &metrics{
		requests: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "confab_web_request_seconds",
			Help:    "Time to answer a REST request, by route and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"method", "route", "status"}),
		panics: f.NewCounter(prometheus.CounterOpts{
			Name: "confab_web_panics_total",
			Help: "Handlers that panicked. The stack is in the log.",
		}),
		limited: f.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_web_rate_limited_total",
			Help: "Requests refused by the limits per client address and account.",
		}, []string{"what"}),
		violations: f.NewCounter(prometheus.CounterOpts{
			Name: "confab_web_client_violations_total",
			Help: "Reports of clients that a room's events did not come one after the other. The log has room and seqs.",
		}),
		connections: f.NewGauge(prometheus.GaugeOpts{
			Name: "confab_web_connections",
			Help: "Open WebSockets.",
		}),
		rings: f.NewGauge(prometheus.GaugeOpts{
			Name: "confab_web_rings",
			Help: "io_uring instances that write to WebSockets; 0: none was open yet, or the kernel refuses, and each write is a system call.",
		}),
		frames: map[string]prometheus.Counter{},
		delivered: f.NewCounter(prometheus.CounterOpts{
			Name: "confab_web_delivered_events_total",
			Help: "Events handed to WebSockets: one for each receiver.",
		}),
		closes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "confab_web_closes_total",
			Help: "WebSockets that the server ended, by close code; 1006 is a client that answered no pings.",
		}, []string{"code"}),
	}
	frames := f.NewCounterVec(prometheus.CounterOpts{
		Name: "confab_web_client_frames_total",
		Help: "WebSocket frames from clients, by type; invalid, binary and too_large are those that were refused.",
	}, []string{"type"})
	for _, t := range frameTypes {
		m.frames[t] = frames.WithLabelValues(t)
	}
	return m
}
