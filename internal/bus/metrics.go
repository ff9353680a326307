package bus

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	published, publishBytes, publishRetries, publishErrors *prometheus.CounterVec // by stream
	received, redelivered, refused, malformed, lost        *prometheus.CounterVec // by stream
	waited                                                 *prometheus.CounterVec // by stream
	reconnects                                             prometheus.Counter
	mirrorShown, mirrorDropped                             prometheus.Counter
}

// newMetrics registers with reg, which may be nil. Two connections of one
// process share the counters.
func newMetrics(reg prometheus.Registerer) *metrics {
	vec := func(name, help string) *prometheus.CounterVec {
		return register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "tripline", Subsystem: "bus", Name: name, Help: help,
		}, []string{"stream"}))
	}
	one := func(name, help string) prometheus.Counter {
		return register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "tripline", Subsystem: "bus", Name: name, Help: help,
		}))
	}
	return &metrics{
		published:      vec("published_total", "Messages stored."),
		publishBytes:   vec("published_bytes_total", "Bytes of the messages stored."),
		publishRetries: vec("publish_retries_total", "Messages sent again because their storing was not confirmed."),
		publishErrors:  vec("publish_errors_total", "Messages that will never be stored."),
		received:       vec("received_total", "Messages handed to a stage."),
		redelivered:    vec("redelivered_total", "Messages handed to a stage that had been delivered before."),
		refused:        vec("refused_total", "Messages that a stage asked to have again."),
		malformed:      vec("malformed_total", "Messages put aside because they cannot be read."),
		lost:           vec("lost_total", "Messages that the stream's bounds discarded before this receiver saw them."),
		waited:         vec("publish_waited_seconds_total", "Time for which publishing waited for slow readers."),
		reconnects:     one("reconnects_total", "Connections to NATS made after the first."),
		mirrorShown:    one("mirror_events_total", "Events shown to people by the live mirror."),
		mirrorDropped:  one("mirror_dropped_total", "Events the live mirror left out because its reader or it was too slow."),
	}
}

func register[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	var already prometheus.AlreadyRegisteredError
	if err := reg.Register(c); errors.As(err, &already) {
		if same, ok := already.ExistingCollector.(C); ok {
			return same
		}
	}
	return c
}
