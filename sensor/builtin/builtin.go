// Package builtin is the list of the sources that come with Tripline. A new
// source is a folder beside it and a few lines here.
package builtin

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/sensor"
	"github.com/tripline/tripline/sensor/ebpf"
	"github.com/tripline/tripline/sensor/replay"
)

// Config is the section "sensor" of the configuration file: the stage's own
// fields, which source makes the events, and the settings of each.
type Config struct {
	sensor.Config `yaml:",inline"`
	// Source is one of [Names].
	Source string        `yaml:"source"`
	EBPF   ebpf.Config   `yaml:"ebpf"`
	Replay replay.Config `yaml:"replay"`
}

// DefaultConfig watches the running kernel.
func DefaultConfig() Config {
	return Config{
		Config: sensor.DefaultConfig(), Source: "ebpf",
		EBPF: ebpf.DefaultConfig(), Replay: replay.DefaultConfig(),
	}
}

// source is one line of the list.
type source struct {
	name     string
	validate func(*Config) error
	build    func(Config, *slog.Logger, prometheus.Registerer) (sensor.Source, error)
}

// sources is the list.
func sources() []source {
	return []source{
		{
			"ebpf", func(c *Config) error { return c.EBPF.Validate() },
			func(c Config, log *slog.Logger, reg prometheus.Registerer) (sensor.Source, error) {
				return ebpf.New(c.EBPF, log, reg)
			},
		},
		{
			"replay", func(c *Config) error { return c.Replay.Validate() },
			func(c Config, log *slog.Logger, _ prometheus.Registerer) (sensor.Source, error) {
				return replay.New(c.Replay, log)
			},
		},
	}
}

// Names lists the sources.
func Names() []string {
	var out []string
	for _, s := range sources() {
		out = append(out, s.name)
	}
	return out
}

func find(name string) (source, error) {
	for _, s := range sources() {
		if s.name == name {
			return s, nil
		}
	}
	return source{}, fmt.Errorf("sensor.source: %q is not one of %s", name, strings.Join(Names(), ", "))
}

// Validate checks the stage's fields and those of the source in use.
func (c Config) Validate() error {
	s, err := find(c.Source)
	if err != nil {
		return err
	}
	if err := c.Config.Validate(); err != nil {
		return fmt.Errorf("sensor: %w", err)
	}
	if err := s.validate(&c); err != nil {
		return fmt.Errorf("sensor.%s: %w", c.Source, err)
	}
	return nil
}

// New makes the source that the configuration names.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (sensor.Source, error) {
	s, err := find(cfg.Source)
	if err != nil {
		return nil, err
	}
	src, err := s.build(cfg, log.With("source", s.name), reg)
	if err != nil {
		// A typed nil would not be one in the interface.
		return nil, err
	}
	return src, nil
}

// Finding is one thing that a source needs of this machine.
type Finding = ebpf.Finding

// Check looks at what watching the kernel needs of this machine; see
// [ebpf.Check].
func Check(ctx context.Context) []Finding { return ebpf.Check(ctx) }

// Possible lists what can serve an event, on one kernel or another; see
// [ebpf.Possible].
func Possible(event string) []string { return ebpf.Possible(event) }

// Served says what serves an event on this machine, or why nothing does; see
// [ebpf.Served].
func Served(ctx context.Context, event string) (backend, reason string) {
	return ebpf.Served(ctx, event)
}
