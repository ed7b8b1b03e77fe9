package web

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are the numbers of this package; what they mean stands in their help.
type metrics struct {
	requests *prometheus.HistogramVec
	panics   prometheus.Counter
	limited  *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
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
	}
}
