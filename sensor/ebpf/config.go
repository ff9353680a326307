package ebpf

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Config is the configuration of the source.
type Config struct {
	// RingBytes is the size of the ring for system calls and derived events,
	// LifecycleBytes of the one for fork, exec, exit and cgroups. Powers of
	// two, at least a page.
	RingBytes      int `yaml:"ring_bytes"`
	LifecycleBytes int `yaml:"lifecycle_bytes"`
	// PollMin and PollMax bound the pause between two looks at the rings. It is
	// the shortest while events come and grows to the longest when idle.
	PollMin time.Duration `yaml:"poll_min"`
	PollMax time.Duration `yaml:"poll_max"`
	// A batch is handed over at BatchEvents events, BatchBytes bytes of kernel
	// records or at the age of BatchAge, whichever is first.
	BatchEvents int           `yaml:"batch_events"`
	BatchBytes  int           `yaml:"batch_bytes"`
	BatchAge    time.Duration `yaml:"batch_age"`
	// BufferBytes is how much of a buffer argument (write's, sendto's) is
	// carried, at most 1024.
	BufferBytes int `yaml:"buffer_bytes"`
	// Environment says whether exec events and existing processes carry
	// environment variables, up to 4 KiB of them, of which those go on that are
	// asked for.
	Environment bool `yaml:"environment"`
	// Files says whether system calls carry what their descriptor refers to: a
	// path, or the two ends of a socket. It costs some 0.4 µs a call.
	Files bool `yaml:"files"`
	// Fold says whether the kernel counts what a flood repeats instead of
	// sending it again and again: records of a process that are the same but
	// for their time, beyond some 7 600 a second on one CPU. They come out as
	// one event with a count, about ten times a second.
	Fold bool `yaml:"fold"`
	// Scope says whose events are made; empty for everybody's.
	Scope Scope `yaml:"scope"`
	// Backends are tried in this order for events that the kernel's hooks can
	// tell: "fentry", "lsm", "tracepoint". What comes after "tracepoint", which
	// always works, is not tried.
	Backends []string `yaml:"backends"`

	// loaded, when not nil, is what New uses instead of loading the programs,
	// and whoever made it closes it. Tests load them once, which takes a second.
	loaded *loaded
}

// DefaultConfig returns what is right for most machines: rings of 16 and 4 MiB.
func DefaultConfig() Config {
	return Config{
		RingBytes:      16 << 20,
		LifecycleBytes: 4 << 20,
		PollMin:        time.Millisecond,
		PollMax:        10 * time.Millisecond,
		BatchEvents:    256,
		BatchBytes:     64 << 10,
		BatchAge:       5 * time.Millisecond,
		BufferBytes:    256,
		Environment:    true,
		Files:          true,
		Fold:           true,
		Backends:       Backends(),
	}
}

// Validate says what is wrong with the configuration, if anything.
func (c *Config) Validate() error {
	for _, r := range []struct {
		name string
		n    int
	}{{"ring_bytes", c.RingBytes}, {"lifecycle_bytes", c.LifecycleBytes}} {
		if r.n < 4096 || r.n > 1<<30 || r.n&(r.n-1) != 0 {
			return fmt.Errorf("%s: %d is not a power of two between 4096 and 1073741824", r.name, r.n)
		}
	}
	if _, err := c.Scope.read(); err != nil {
		return err
	}
	switch {
	case c.PollMin <= 0:
		return fmt.Errorf("poll_min: %v is not positive", c.PollMin)
	case c.PollMax < c.PollMin:
		return fmt.Errorf("poll_max: %v is shorter than poll_min, %v", c.PollMax, c.PollMin)
	case c.BatchEvents < 1 || c.BatchEvents > 1<<16:
		return fmt.Errorf("batch_events: %d is not between 1 and 65536", c.BatchEvents)
	case c.BatchBytes < 1<<10 || c.BatchBytes > 4<<20:
		return fmt.Errorf("batch_bytes: %d is not between 1024 and 4194304", c.BatchBytes)
	case c.BatchAge < 0:
		return fmt.Errorf("batch_age: %v is negative", c.BatchAge)
	case c.BufferBytes < 0 || c.BufferBytes > 1024:
		return fmt.Errorf("buffer_bytes: %d is not between 0 and 1024", c.BufferBytes)
	}
	for _, b := range c.Backends {
		if !slices.Contains(Backends(), b) {
			return fmt.Errorf("backends: %q is not one of %s", b, strings.Join(Backends(), ", "))
		}
	}
	return nil
}
