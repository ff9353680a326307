package notifier

import "github.com/prometheus/client_golang/prometheus"

// metrics are labelled by sink, which the configuration bounds, and by reason,
// which is a closed set.
type metrics struct {
	delivered  *prometheus.CounterVec
	rolled     *prometheus.CounterVec
	repeated   *prometheus.CounterVec
	retried    *prometheus.CounterVec
	dead       *prometheus.CounterVec
	suppressed *prometheus.CounterVec
	completed  *prometheus.CounterVec
	held       *prometheus.GaugeVec
	failing    *prometheus.GaugeVec
	open       *prometheus.GaugeVec
	latency    *prometheus.HistogramVec
	duration   *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tripline_notifier_" + name, Help: help}, append([]string{"sink"}, labels...))
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "tripline_notifier_" + name, Help: help, Buckets: buckets}, []string{"sink"})
	}
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tripline_notifier_" + name, Help: help}, []string{"sink"})
	}
	m := &metrics{
		delivered:  counter("delivered_total", "Detections that a sink has taken, in roll-ups too."),
		rolled:     counter("rolled_up_total", "Detections that a sink has taken in roll-ups."),
		suppressed: counter("suppressed_total", "Detections that a sink was not told of, by reason; \"elsewhere\" means that no route leads to it.", "reason"),
		completed:  counter("completed_total", "Detections that were given, before a sink was told, what became known of their container after their event."),
		held:       gauge("held", "Detections that wait for a roll-up."),
		open:       gauge("open", "1 while a sink has failed for so long that it is only tried now and then."),
		repeated:   counter("repeated_total", "Detections that came again after they were delivered, and were not delivered twice."),
		retried:    counter("failures_total", "Tries to deliver that failed and are made again, by reason.", "reason"),
		dead:       counter("dead_total", "Detections that became dead letters, by reason.", "reason"),
		failing:    gauge("failing", "1 while the last try of a sink failed."),
		latency:    histogram("latency_seconds", "From the time of the event in the kernel to its delivery, roll-ups left out.", prometheus.ExponentialBuckets(0.001, 2, 20)),
		duration:   histogram("delivery_seconds", "Duration of successful deliveries, of one detection or of many at once.", prometheus.ExponentialBuckets(0.00001, 4, 12)),
	}
	for _, c := range []prometheus.Collector{m.delivered, m.rolled, m.repeated, m.retried, m.dead, m.suppressed, m.completed, m.held, m.failing, m.open, m.latency, m.duration} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
