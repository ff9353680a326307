package msg

import "time"

// Demand is what one reader needs from the sensors: the value, as JSON, of a
// key in the bucket tripline_demand. Keys expire unless they are renewed, so
// a reader that died stops asking.
type Demand struct {
	// Who asks, for people: "matcher host-1", "tail".
	Who    string        `json:"who"`
	Events []EventDemand `json:"events"`
	// Environment names the environment variables of processes that are wanted,
	// with events or not; [WholeEnvironment] is all of them. Those that nobody
	// asks for do not leave the sensor.
	Environment []string `json:"environment,omitempty"`
}

// EventDemand asks for one event, by its name in the catalogue.
type EventDemand struct {
	Name string `json:"name"`
	// Args are conditions that every wanted event meets; a sensor may use them
	// to send less, never to send more.
	Args []ArgDemand `json:"args,omitempty"`
}

// ArgDemand says that an argument has one of these values.
type ArgDemand struct {
	Name string `json:"name"`
	// Op is "=" or "prefix".
	Op     string   `json:"op"`
	Values []string `json:"values"`
}

// Heartbeat is what every instance of a stage publishes once a second.
type Heartbeat struct {
	Stage    string    `json:"stage"`
	Instance string    `json:"instance"`
	Host     string    `json:"host"`
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Time     time.Time `json:"time"`
	Ready    bool      `json:"ready"`
	// Counters grow for the life of the instance: "events", "batches",
	// "detections", "lost" and what the stage adds.
	Counters map[string]uint64 `json:"counters"`
	// Detail is the stage's own: enabled events, loaded rules, sinks.
	Detail map[string]any `json:"detail,omitempty"`
}

// Keys of a heartbeat's detail that others than its stage look at.
const (
	// DetailEnded is true in the last heartbeat of an instance that ends in
	// order.
	DetailEnded = "ended"
	// DetailTampered lists what a sensor found changed that is its own.
	DetailTampered = "tampered"
)
