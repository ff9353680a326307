package container

import (
	"errors"
	"fmt"
	"time"
)

// Config bounds the step.
type Config struct {
	// Proc is where the host's /proc is mounted.
	Proc string `yaml:"proc"`
	// Wait is how long after its first sight the events of a container are
	// worth holding back. The stage has a limit of its own.
	Wait time.Duration `yaml:"wait"`
	// Timeout bounds one question to a runtime.
	Timeout time.Duration `yaml:"timeout"`
	// Tries is how often a runtime is asked for a container that it does not
	// know or cannot tell of, before it is left alone for Forget: after 10 ms,
	// 20, 40, 80, and then every 100.
	Tries  int           `yaml:"tries"`
	Forget time.Duration `yaml:"forget"`
	// Parallel is how many questions are put to one runtime at a time, and
	// Queue how many wait.
	Parallel int `yaml:"parallel"`
	Queue    int `yaml:"queue"`
	// MaxContainers and MaxCgroups bound what is remembered.
	MaxContainers int `yaml:"max_containers"`
	MaxCgroups    int `yaml:"max_cgroups"`
	// KeepDead is how long a container and a cgroup that are gone stay known.
	KeepDead time.Duration `yaml:"keep_dead"`
}

// DefaultConfig returns what holds unless configured.
func DefaultConfig() Config {
	return Config{
		Proc:          "/proc",
		Wait:          2 * time.Second,
		Timeout:       2 * time.Second,
		Tries:         8,
		Forget:        30 * time.Second,
		Parallel:      4,
		Queue:         1024,
		MaxContainers: 8192,
		MaxCgroups:    65536,
		KeepDead:      60 * time.Second,
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
		{"tries", c.Tries, 1, 100},
		{"parallel", c.Parallel, 1, 64},
		{"queue", c.Queue, 1, 1 << 20},
		{"max_containers", c.MaxContainers, 1, 1 << 20},
		{"max_cgroups", c.MaxCgroups, 16, 8 << 20},
	} {
		if n.value < n.min || n.value > n.max {
			errs = append(errs, fmt.Errorf("%s is %d, expected %d to %d", n.name, n.value, n.min, n.max))
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		min   time.Duration
	}{
		{"wait", c.Wait, 0},
		{"timeout", c.Timeout, time.Millisecond},
		{"forget", c.Forget, time.Second},
		{"keep_dead", c.KeepDead, 0},
	} {
		if d.value < d.min {
			errs = append(errs, fmt.Errorf("%s is %s, expected at least %s", d.name, d.value, d.min))
		}
	}
	return errors.Join(errs...)
}
