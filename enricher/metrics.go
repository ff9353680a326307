package enricher

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	batches     prometheus.Counter
	events      prometheus.Counter
	published   prometheus.Counter
	failed      prometheus.Counter
	lost        *prometheus.CounterVec
	again       prometheus.Counter
	replayed    prometheus.Counter
	heldEvents  prometheus.Counter
	heldNow     prometheus.Gauge
	heldExpired *prometheus.CounterVec
	stepSeconds *prometheus.CounterVec

	amended, amendsRefused prometheus.Counter
	amendsOpen             prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "tripline", Subsystem: "enricher", Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tripline", Subsystem: "enricher", Name: name, Help: help}, labels)
	}
	m := &metrics{
		batches:   counter("batches_total", "Raw batches received."),
		events:    counter("events_total", "Events received."),
		published: counter("published_batches_total", "Enriched batches handed to the publisher."),
		failed:    counter("failed_batches_total", "Enriched batches that could not be stored; their raw batch comes again."),
		lost:      vec("lost_events_total", "Events lost before this stage, by cause.", "cause"),
		again:     counter("again_batches_total", "Raw batches that were delivered more than once."),
		replayed:  counter("history_batches_total", "Raw batches of the past read to rebuild the tables."),
		heldEvents: counter("held_events_total",
			"Events that waited for what a runtime knows of their container."),
		heldNow: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "tripline", Subsystem: "enricher",
			Name: "held_events", Help: "Events that wait now.",
		}),
		heldExpired: vec("holds_expired_total", "Containers whose events went on without complete metadata, by the limit that ended the wait.", "limit"),
		amended: counter("amendments_total",
			"Containers of which more was told after events of theirs had gone on."),
		amendsRefused: counter("amendments_refused_total",
			"Containers of which nothing will be told later, for too many others were remembered."),
		amendsOpen: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "tripline", Subsystem: "enricher",
			Name: "amendments_open", Help: "Containers of which more may yet be told.",
		}),
		stepSeconds: vec("step_seconds_total", "Time spent in each step.", "step"),
	}
	for _, c := range []prometheus.Collector{
		m.batches, m.events, m.published, m.failed, m.lost, m.again,
		m.replayed, m.heldEvents, m.heldNow, m.heldExpired, m.stepSeconds,
		m.amended, m.amendsRefused, m.amendsOpen,
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
