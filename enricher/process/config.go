package process

import (
	"errors"
	"fmt"
	"time"
)

// Config bounds the process table.
type Config struct {
	// Proc is where the host's /proc is mounted.
	Proc string `yaml:"proc"`
	// MaxProcesses bounds the table; past it the dead go first, then those not
	// seen for longest.
	MaxProcesses int `yaml:"max_processes"`
	// KeepDead is how long an exited process stays known, in the time of the
	// events, and MaxDead how many of them do.
	KeepDead time.Duration `yaml:"keep_dead"`
	MaxDead  int           `yaml:"max_dead"`
	// MaxAncestors bounds the ancestors of an event.
	MaxAncestors int `yaml:"max_ancestors"`
	// ReadsPerSecond bounds how many processes are read from /proc while
	// events wait for it.
	ReadsPerSecond int `yaml:"reads_per_second"`
	// Sweep is how often the table is compared with /proc, 0 for never.
	Sweep time.Duration `yaml:"sweep"`
}

// DefaultConfig returns what holds unless configured.
func DefaultConfig() Config {
	return Config{
		Proc:           "/proc",
		MaxProcesses:   131072,
		KeepDead:       60 * time.Second,
		MaxDead:        16384,
		MaxAncestors:   64,
		ReadsPerSecond: 2000,
		Sweep:          time.Minute,
	}
}

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Proc == "" {
		errs = append(errs, errors.New("proc is empty, expected a directory"))
	}
	for _, n := range []struct {
		name            string
		value, min, max int
	}{
		{"max_processes", c.MaxProcesses, 16, 8 << 20},
		{"max_dead", c.MaxDead, 0, 8 << 20},
		{"max_ancestors", c.MaxAncestors, 1, 4096},
		{"reads_per_second", c.ReadsPerSecond, 0, 1 << 20},
	} {
		if n.value < n.min || n.value > n.max {
			errs = append(errs, fmt.Errorf("%s is %d, expected %d to %d", n.name, n.value, n.min, n.max))
		}
	}
	if c.KeepDead < 0 {
		errs = append(errs, fmt.Errorf("keep_dead is %s, expected 0 or more", c.KeepDead))
	}
	if c.Sweep < 0 {
		errs = append(errs, fmt.Errorf("sweep is %s, expected 0 or more", c.Sweep))
	}
	return errors.Join(errs...)
}
