package notifier

import "github.com/prometheus/client_golang/prometheus"

// metrics are labelled by sink, which the configuration bounds, and by reason,
// which is a closed set.
type metrics struct {
	delivered *prometheus.CounterVec
	repeated  *prometheus.CounterVec
	retried   *prometheus.CounterVec
	dead      *prometheus.CounterVec
	failing   *prometheus.GaugeVec
	latency   *prometheus.HistogramVec
	duration  *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tripline_notifier_" + name, Help: help}, append([]string{"sink"}, labels...))
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tripline_notifier_" + name, Help: help, Buckets: buckets}, []string{"sink"})
	}
	m := &metrics{
		delivered: counter("delivered_total", "Detections that a sink has taken."),
		repeated:  counter("repeated_total", "Detections that came again after they were delivered, and were not delivered twice."),
		retried:   counter("failures_total", "Tries to deliver that failed and are made again, by reason.", "reason"),
		dead:      counter("dead_total", "Detections that became dead letters, by reason.", "reason"),
		failing: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tripline_notifier_failing", Help: "1 while the last try of a sink failed.",
		}, []string{"sink"}),
		latency:  histogram("latency_seconds", "From the time of the event in the kernel to its delivery.", prometheus.ExponentialBuckets(0.001, 2, 20)),
		duration: histogram("delivery_seconds", "Duration of successful deliveries.", prometheus.ExponentialBuckets(0.00001, 4, 12)),
	}
	for _, c := range []prometheus.Collector{m.delivered, m.repeated, m.retried, m.dead, m.failing, m.latency, m.duration} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
