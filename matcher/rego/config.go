package rego

import (
	"errors"
	"fmt"
	"time"
)

// Config says how far a rule may go.
type Config struct {
	// TimeLimit ends one evaluation of one rule against one event.
	TimeLimit time.Duration `yaml:"time_limit"`
	// LoadLimit ends what a rule computes while it is loaded: its metadata
	// and its selected events.
	LoadLimit time.Duration `yaml:"load_limit"`
	// MaxString bounds, in bytes, each string that a rule sees. Some built-in
	// functions, regular expressions above all, cannot be stopped while they
	// go through one string, so this bounds what the time limit cannot.
	MaxString int `yaml:"max_string"`
	// Screen lets rules be ruled out by compiled closures before OPA is asked.
	// Results are the same with and without it.
	Screen bool `yaml:"screen"`
}

// DefaultConfig is what production uses.
func DefaultConfig() Config {
	return Config{TimeLimit: 50 * time.Millisecond, LoadLimit: time.Second, MaxString: 64 << 10, Screen: true}
}

// Validate says what is out of range.
func (c Config) Validate() error {
	var errs []error
	if c.TimeLimit <= 0 {
		errs = append(errs, fmt.Errorf("time_limit is %v, expected more than 0", c.TimeLimit))
	}
	if c.LoadLimit <= 0 {
		errs = append(errs, fmt.Errorf("load_limit is %v, expected more than 0", c.LoadLimit))
	}
	if c.MaxString < 256 {
		errs = append(errs, fmt.Errorf("max_string is %d bytes, expected 256 or more", c.MaxString))
	}
	return errors.Join(errs...)
}
