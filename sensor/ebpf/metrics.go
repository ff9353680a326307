//go:build cgo && linux

package ebpf

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	records   *prometheus.CounterVec
	batches   prometheus.Counter
	malformed prometheus.Counter
	pending   *prometheus.GaugeVec
	tampered  prometheus.Counter
}

// skips names what is counted in place of being recorded, by tl_skipped.
func skips() []string { return []string{"scope", "scope lifecycle", "arguments"} }

func newMetrics(reg prometheus.Registerer, lost func() float64, skipped func(what int) float64) (*metrics, error) {
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tripline_sensor_kernel_records_total", Help: "Records read from the kernel, by ring.",
		}, []string{"ring"}),
		batches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tripline_sensor_kernel_batches_total", Help: "Batches made of the kernel's records.",
		}),
		malformed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tripline_sensor_kernel_malformed_total", Help: "Records that could not be decoded.",
		}),
		tampered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tripline_sensor_kernel_tampered_total", Help: "Times that something of the sensor's in the kernel was found changed by others.",
		}),
		pending: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tripline_sensor_kernel_pending_bytes", Help: "Bytes in the ring when it was last looked at.",
		}, []string{"ring"}),
	}
	dropped := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "tripline_sensor_kernel_lost_total", Help: "Records that found their ring full.",
	}, lost)
	all := []prometheus.Collector{m.records, m.batches, m.malformed, m.pending, m.tampered, dropped}
	for i, why := range skips() {
		all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "tripline_sensor_kernel_skipped_total", Help: "What was left out in the kernel, without a record, by why: out of scope, or without the arguments that are asked for.",
			ConstLabels: prometheus.Labels{"why": why},
		}, func() float64 { return skipped(i) }))
	}
	for _, c := range all {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
