package enricher

import (
	"errors"
	"fmt"
	"time"
)

// Config is what the stage itself can be told; the steps have their own.
type Config struct {
	// Partitions is how many streams the events of a host are split into. All
	// enrichers and matchers of an installation use the same number.
	Partitions uint32 `yaml:"partitions"`
	// HoldFor is how long the events of a container wait at most for what its
	// runtime knows of it. Docker answers no question about a container while
	// it starts it: 0.1 to 0.2 s, and several times that on a busy machine.
	HoldFor time.Duration `yaml:"hold_for"`
	// HoldEvents bounds the events that wait in one container, HoldTotal in
	// all together.
	HoldEvents int `yaml:"hold_events"`
	HoldTotal  int `yaml:"hold_total"`
	// Amendments bounds the containers that are remembered because events of
	// theirs went on with less than everything, so that what becomes known
	// later can follow; 0 for none.
	Amendments int `yaml:"amendments"`
	// History is how much of what was already handled is read again after a
	// restart to rebuild what the steps knew.
	History time.Duration `yaml:"history"`
	// Drain is how long a stage that is told to stop waits for its output to
	// be stored.
	Drain time.Duration `yaml:"drain"`
}

// DefaultConfig returns what holds unless configured.
func DefaultConfig() Config {
	return Config{
		Partitions: 16,
		HoldFor:    2 * time.Second,
		HoldEvents: 4096,
		HoldTotal:  65536,
		Amendments: 4096,
		History:    60 * time.Second,
		Drain:      3 * time.Second,
	}
}

// maxPartitions keeps a mistyped number from making thousands of consumers.
const maxPartitions = 1024

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Partitions == 0 || c.Partitions > maxPartitions {
		errs = append(errs, fmt.Errorf("partitions is %d, expected 1 to %d", c.Partitions, maxPartitions))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		max   time.Duration
	}{
		{"hold_for", c.HoldFor, 10 * time.Second},
		{"history", c.History, time.Hour},
		{"drain", c.Drain, time.Minute},
	} {
		if d.value < 0 || d.value > d.max {
			errs = append(errs, fmt.Errorf("%s is %s, expected 0 to %s", d.name, d.value, d.max))
		}
	}
	if c.HoldEvents < 0 {
		errs = append(errs, fmt.Errorf("hold_events is %d, expected 0 or more", c.HoldEvents))
	}
	if c.Amendments < 0 {
		errs = append(errs, fmt.Errorf("amendments is %d, expected 0 or more", c.Amendments))
	}
	if c.HoldTotal < c.HoldEvents {
		errs = append(errs, fmt.Errorf("hold_total is %d, expected at least hold_events (%d)", c.HoldTotal, c.HoldEvents))
	}
	return errors.Join(errs...)
}
