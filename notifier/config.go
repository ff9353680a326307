package notifier

import (
	"errors"
	"fmt"
	"time"
)

// Config is the section "notifier" of the configuration file, less the sinks.
type Config struct {
	// RetryInitial and RetryMax are the shortest and the longest time between
	// two tries, before jitter; each try waits twice as long as the last.
	RetryInitial time.Duration `yaml:"retry_initial"`
	RetryMax     time.Duration `yaml:"retry_max"`
	// GiveUp is how long a sink may fail without a success in between before
	// what it refuses becomes a dead letter.
	GiveUp time.Duration `yaml:"give_up"`
	// StopTimeout is how long a delivery that is under way may go on after
	// the stop has begun.
	StopTimeout time.Duration `yaml:"stop_timeout"`
}

// DefaultConfig tries for an hour.
func DefaultConfig() Config {
	return Config{
		RetryInitial: 500 * time.Millisecond,
		RetryMax:     time.Minute,
		GiveUp:       time.Hour,
		StopTimeout:  5 * time.Second,
	}
}

// Validate reports everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"retry_initial", c.RetryInitial},
		{"retry_max", c.RetryMax},
		{"give_up", c.GiveUp},
		{"stop_timeout", c.StopTimeout},
	} {
		if d.value <= 0 {
			errs = append(errs, fmt.Errorf("%s: %v is not a positive duration", d.name, d.value))
		}
	}
	if c.RetryMax < c.RetryInitial {
		errs = append(errs, fmt.Errorf("retry_max: %v is shorter than retry_initial, %v", c.RetryMax, c.RetryInitial))
	}
	return errors.Join(errs...)
}
