package sensor

import (
	"errors"
	"fmt"
	"time"
)

// Config is the section "sensor" of the configuration file, less what is the
// source's own.
type Config struct {
	// QueueEvents and QueueBytes bound what waits to be published. Bytes are
	// an estimate of the memory in use.
	QueueEvents int `yaml:"queue_events"`
	QueueBytes  int `yaml:"queue_bytes"`
	// SpillDir is where what does not fit into memory waits, in files; without
	// it, events are dropped at once. What is left there when the sensor stops
	// is published by the next one of the same boot. SpillBytes bounds it.
	SpillDir   string `yaml:"spill_dir"`
	SpillBytes int64  `yaml:"spill_bytes"`
	// BatchEvents and BatchBytes are up to where small batches that wait in
	// the queue are put together.
	BatchEvents int `yaml:"batch_events"`
	BatchBytes  int `yaml:"batch_bytes"`
	// DemandDelay is how long changes of the demand are collected before they
	// are applied to the source; the first is applied at once.
	DemandDelay time.Duration `yaml:"demand_delay"`
	// DropInterval is how often the source is asked what it lost, and how
	// long a loss waits for the next batch before it travels alone.
	DropInterval time.Duration `yaml:"drop_interval"`
	// PublishTimeout is how long a batch that the publisher refuses is tried
	// again before it counts as lost.
	PublishTimeout time.Duration `yaml:"publish_timeout"`
	// StopTimeout bounds what is published after the stop has begun.
	StopTimeout time.Duration `yaml:"stop_timeout"`
}

// DefaultConfig holds a second of a million events a second in 128 MiB at
// most, and what a quiet host does for many minutes.
func DefaultConfig() Config {
	return Config{
		QueueEvents:    1 << 20,
		QueueBytes:     128 << 20,
		SpillBytes:     1 << 30,
		BatchEvents:    256,
		BatchBytes:     64 << 10,
		DemandDelay:    100 * time.Millisecond,
		DropInterval:   time.Second,
		PublishTimeout: 2 * time.Second,
		StopTimeout:    5 * time.Second,
	}
}

// Validate reports everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	for _, n := range []struct {
		name  string
		value int
		least int
	}{
		{"queue_events", c.QueueEvents, 256},
		{"queue_bytes", c.QueueBytes, 1 << 20},
		{"batch_events", c.BatchEvents, 1},
		{"batch_bytes", c.BatchBytes, 1 << 10},
	} {
		if n.value < n.least {
			errs = append(errs, fmt.Errorf("%s: %d is less than %d", n.name, n.value, n.least))
		}
	}
	if c.SpillDir != "" && c.SpillBytes < spillFile {
		errs = append(errs, fmt.Errorf("spill_bytes: %d is less than %d", c.SpillBytes, spillFile))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"demand_delay", c.DemandDelay},
		{"drop_interval", c.DropInterval},
		{"publish_timeout", c.PublishTimeout},
		{"stop_timeout", c.StopTimeout},
	} {
		if d.value <= 0 {
			errs = append(errs, fmt.Errorf("%s: %v is not a positive duration", d.name, d.value))
		}
	}
	return errors.Join(errs...)
}
