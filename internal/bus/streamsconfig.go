package bus

import (
	"fmt"
	"time"
)

// The streams. Their subjects are in package msg.
const (
	StreamRaw        = "TRIPLINE_RAW"
	StreamEvents     = "TRIPLINE_EVENTS"
	StreamDetections = "TRIPLINE_DETECTIONS"
	StreamDead       = "TRIPLINE_DEAD"
)

// DefaultPartitions is how many partitions the stream of enriched events has
// unless it was made with another number.
const DefaultPartitions = 16

// StreamsConfig bounds what is kept. A stream that reaches a bound discards
// its oldest messages; the stages count what is missing from the sequence
// numbers of what they receive.
type StreamsConfig struct {
	// Partitions of the enriched events; 0 takes the number that the stream
	// has. It is fixed when the stream is made.
	Partitions uint32       `yaml:"partitions"`
	Raw        StreamConfig `yaml:"raw"`
	Events     StreamConfig `yaml:"events"`
	Detections StreamConfig `yaml:"detections"`
	Dead       StreamConfig `yaml:"dead"`
	// Replicas is how many servers of a cluster keep detections, dead letters
	// and the key-value buckets.
	Replicas int `yaml:"replicas"`
	// Edges name hosts whose own servers store detections and forward them:
	// the stream of detections here takes over what those streams hold.
	Edges []string `yaml:"edges"`
	// EdgeEvents also takes over their enriched events, for matchers here
	// instead of there.
	EdgeEvents bool `yaml:"edge_events"`
	// HubDemand, at an edge, has its sensor serve what matchers and people at
	// the hub ask for, too.
	HubDemand bool `yaml:"hub_demand"`
}

// StreamConfig bounds one stream.
type StreamConfig struct {
	// Storage is "memory" or "file".
	Storage string `yaml:"storage"`
	// MaxBytes and MaxAge are what it keeps at most.
	MaxBytes int64         `yaml:"max_bytes"`
	MaxAge   time.Duration `yaml:"max_age"`
	// Duplicates is how long the id of a message is remembered, so that the
	// same one is not stored twice. For detections it is at least the age of
	// the oldest enriched event, which may be held against the rules again.
	Duplicates time.Duration `yaml:"duplicates"`
}

// DefaultStreamsConfig keeps batches in memory for ten minutes and detections
// in files for a week.
func DefaultStreamsConfig() StreamsConfig {
	return StreamsConfig{
		Raw:        StreamConfig{Storage: "memory", MaxBytes: 64 << 20, MaxAge: 10 * time.Minute, Duplicates: time.Minute},
		Events:     StreamConfig{Storage: "memory", MaxBytes: 128 << 20, MaxAge: 10 * time.Minute, Duplicates: time.Minute},
		Detections: StreamConfig{Storage: "file", MaxBytes: 1 << 30, MaxAge: 7 * 24 * time.Hour, Duplicates: 10 * time.Minute},
		Dead:       StreamConfig{Storage: "file", MaxBytes: 256 << 20, MaxAge: 30 * 24 * time.Hour, Duplicates: 10 * time.Minute},
		Replicas:   1,
	}
}

// Validate reports the first thing that cannot work.
func (c StreamsConfig) Validate() error {
	if c.Partitions > 1024 {
		return fmt.Errorf("nats: streams.partitions is %d: expected at most 1024, each is a consumer", c.Partitions)
	}
	if c.Replicas < 1 || c.Replicas > 5 {
		return fmt.Errorf("nats: streams.replicas is %d: expected 1 to 5", c.Replicas)
	}
	for _, e := range c.Edges {
		if !ValidDomain(e) {
			return fmt.Errorf("nats: streams.edges: %q: expected the JetStream domain of an edge, of letters, digits, - and _", e)
		}
	}
	for name, s := range map[string]StreamConfig{"raw": c.Raw, "events": c.Events, "detections": c.Detections, "dead": c.Dead} {
		switch {
		case s.Storage != "memory" && s.Storage != "file":
			return fmt.Errorf("nats: streams.%s.storage is %q: expected memory or file", name, s.Storage)
		case s.MaxBytes < 1<<20:
			return fmt.Errorf("nats: streams.%s.max_bytes is %d: expected at least 1048576", name, s.MaxBytes)
		case s.MaxAge < time.Second:
			return fmt.Errorf("nats: streams.%s.max_age is %s: expected at least 1s", name, s.MaxAge)
		case s.Duplicates < time.Second || s.Duplicates > s.MaxAge:
			return fmt.Errorf("nats: streams.%s.duplicates is %s: expected between 1s and max_age", name, s.Duplicates)
		}
	}
	if c.Detections.Duplicates < c.Events.MaxAge {
		return fmt.Errorf("nats: streams.detections.duplicates is %s: expected at least streams.events.max_age, %s, or an event that is read again is told twice", c.Detections.Duplicates, c.Events.MaxAge)
	}
	return nil
}
