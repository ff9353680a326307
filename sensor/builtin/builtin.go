// Package builtin is the list of the sources that come with Tripline. A new
// source is a folder beside it and one line here.
package builtin

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/sensor"
	"github.com/tripline/tripline/sensor/replay"
)

// Config is the section "sensor" of the configuration file: the stage's own
// fields, which source makes the events, and the settings of each.
type Config struct {
	sensor.Config `yaml:",inline"`
	// Source is one of [Names].
	Source string        `yaml:"source"`
	Replay replay.Config `yaml:"replay"`
}

// DefaultConfig replays nothing yet.
func DefaultConfig() Config {
	return Config{Config: sensor.DefaultConfig(), Source: "replay", Replay: replay.DefaultConfig()}
}

type source struct {
	name  string
	build func(Config, *slog.Logger, prometheus.Registerer) (sensor.Source, error)
}

// sources is the list.
func sources() []source {
	return []source{
		{"replay", func(c Config, log *slog.Logger, _ prometheus.Registerer) (sensor.Source, error) {
			return replay.New(c.Replay, log)
		}},
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

// New makes the source that the configuration names.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (sensor.Source, error) {
	for _, s := range sources() {
		if s.name == cfg.Source {
			return s.build(cfg, log.With("source", s.name), reg)
		}
	}
	return nil, fmt.Errorf("sensor.source: %q is not one of %s", cfg.Source, strings.Join(Names(), ", "))
}
