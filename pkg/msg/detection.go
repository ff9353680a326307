package msg

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Detection is what a rule found: the JSON of tripline.detections. Its field
// names are stable.
type Detection struct {
	// ID is made from the rule and the identity of the event, so the same
	// event held twice against the same rule gives the same id.
	ID       string    `json:"id"`
	Time     time.Time `json:"time"` // of the event
	Host     string    `json:"host"`
	Priority Priority  `json:"priority"`
	Severity int       `json:"severity"` // the same on Tracee's scale, 0 to 4
	Rule     RuleInfo  `json:"rule"`
	// Output is the rule's output line, or its name where it has none.
	Output string         `json:"output"`
	Data   map[string]any `json:"data,omitempty"`
	Event  *EventJSON     `json:"event"` // with process and container
	// Values are the fields that the rule looked at or printed.
	Values map[string]any `json:"values,omitempty"`
	// Detected is when the matcher found it.
	Detected time.Time `json:"detected"`
	// Group is there when this is a roll-up: the newest of several detections,
	// standing for all of them. No stored detection has it; the notifier makes
	// roll-ups.
	Group *Group `json:"group,omitempty"`
}

// Group is what a roll-up says of the detections that it stands for.
type Group struct {
	// By is what they have in common.
	By    map[string]string `json:"by,omitempty"`
	Count int               `json:"count"`
	// First and Last are the times of the earliest and the latest event.
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Samples []Sample  `json:"samples,omitempty"`
}

// Sample is one of the detections of a roll-up in short.
type Sample struct {
	ID     string    `json:"id"`
	Time   time.Time `json:"time"`
	Host   string    `json:"host"`
	Output string    `json:"output"`
}

// RuleInfo says which rule spoke.
type RuleInfo struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Language    string         `json:"language"` // rego, golang, expr
	Version     string         `json:"version,omitempty"`
	Description string         `json:"description,omitempty"`
	Tags        []string       `json:"tags,omitempty"`
	MITRE       string         `json:"mitre,omitempty"`
	Properties  map[string]any `json:"properties,omitempty"`
}

// DetectionID is the id of what rule found in the event; n counts several
// findings of one rule in one event from 0.
func DetectionID(rule string, r Record, n int) string {
	h := sha256.New()
	for _, s := range []string{rule, r.ID()} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	h.Write([]byte{byte(n >> 8), byte(n)})
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// DeadLetter is a detection that a sink refused for good or for too long.
type DeadLetter struct {
	Sink      string     `json:"sink"`
	Reason    string     `json:"reason"`
	Error     string     `json:"error"`
	Attempts  uint64     `json:"attempts"`
	Time      time.Time  `json:"time"`
	Detection *Detection `json:"detection"`
}
