package sensor

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

type metrics struct {
	events  prometheus.Counter
	batches prometheus.Counter
	retries prometheus.Counter
	// dropped has the labels event and cause; both are bounded, by the
	// catalogue and by the causes named in the contract.
	dropped *prometheus.CounterVec
	enabled prometheus.Gauge
	missing prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, q *queue) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tripline_sensor_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "tripline_sensor_" + name, Help: help})
	}
	m := &metrics{
		events:  counter("events_total", "Events handed to the publisher."),
		batches: counter("batches_total", "Batches handed to the publisher."),
		retries: counter("publish_retries_total", "Batches that the publisher refused and that were tried again."),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tripline_sensor_dropped_events_total", Help: "Events lost, by type and where: ring, queue, publish, decode.",
		}, []string{"event", "cause"}),
		enabled: gauge("enabled_events", "Kernel events that are let through."),
		missing: gauge("missing_events", "Kernel events that are needed and cannot be had."),
	}
	size := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tripline_sensor_" + name, Help: help}, f)
	}
	for _, c := range []prometheus.Collector{
		m.events, m.batches, m.retries, m.dropped, m.enabled, m.missing,
		size("queue_events", "Events that wait to be published.", func() float64 { n, _ := q.size(); return float64(n) }),
		size("spill_events", "Events that wait in files to be published.", func() float64 { n, _, _ := q.onDisk(); return float64(n) }),
		size("spill_bytes", "Bytes of the files in which events wait to be published.", func() float64 { _, n, _ := q.onDisk(); return float64(n) }),
		size("queue_bytes", "Memory of what waits to be published, estimated.", func() float64 { _, n := q.size(); return float64(n) }),
	} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// eventName names a type as catalogue and metrics do.
func eventName(typ uint32) string {
	if e := catalogue.ByID(catalogue.ID(typ)); e != nil {
		return e.Name
	}
	return "event-" + strconv.FormatUint(uint64(typ), 10)
}
