//go:build !cgo || !linux

package ebpf

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
)

var errNoSensor = errors.New("this binary was built without the sensor (CGO_ENABLED=0)")

type loaded struct{}

// Source watches the running kernel; this binary was built without it.
type Source struct{}

// New fails: this binary was built without the sensor.
func New(Config, *slog.Logger, prometheus.Registerer) (*Source, error) { return nil, errNoSensor }

// Run fails.
func (*Source) Run(context.Context, func(*msg.Batch)) error { return errNoSensor }

// Want says of every event that it cannot be had.
func (*Source) Want(events []msg.EventDemand) map[string]string {
	missing := make(map[string]string, len(events))
	for _, e := range events {
		missing[e.Name] = errNoSensor.Error()
	}
	return missing
}

// Enabled returns nothing.
func (*Source) Enabled() []string { return nil }

// Drops returns nothing.
func (*Source) Drops() []*msg.Drop { return nil }

// Backends returns nothing.
func (*Source) Backends() map[string]string { return nil }

// Close does nothing.
func (*Source) Close() {}

// Possible returns nothing: this binary was built without the sensor.
func Possible(string) []string { return nil }

// Served says that there is no sensor in this binary.
func Served(context.Context, string) (backend, reason string) { return "", errNoSensor.Error() }

// Check says that there is no sensor in this binary.
func Check(context.Context) []Finding {
	return []Finding{{Name: "sensor", Detail: errNoSensor.Error(), Fix: "use the binary that `make build` leaves"}}
}
