package detect

import (
	"time"

	"github.com/tripline/tripline/pkg/detect/protocol"
)

// Signature is a rule written in Go.
type Signature interface {
	// GetMetadata says who the signature is.
	GetMetadata() (SignatureMetadata, error)
	// GetSelectedEvents says which events it wants to see.
	GetSelectedEvents() ([]SignatureEventSelector, error)
	// Init starts it afresh; it reports findings by calling cb.
	Init(cb SignatureHandler) error
	// Close ends what Init began.
	Close()
	// OnEvent receives the selected events in order. Its payload is a
	// [github.com/tripline/tripline/pkg/detect/trace.Event].
	OnEvent(event protocol.Event) error
	// OnSignal receives what is not an event, see [SignalSourceComplete].
	OnSignal(signal Signal) error
}

// Windowed is implemented by a [Signature] that remembers events and whose
// memory is to survive when its partition goes to another process: there the
// events of the last Window are shown to a new instance first, in order, and
// what it finds in them, which was reported before, is left out. Other
// signatures begin with no memory there.
type Windowed interface {
	// Window is how long an event matters to what is found later, in the time
	// of events. It is asked once, when rules are loaded.
	Window() time.Duration
}

// SignatureMetadata says who a signature is.
type SignatureMetadata struct {
	ID          string
	Version     string
	Name        string
	Description string
	Tags        []string
	// Properties may hold anything; "Severity" (0 to 4), "MITRE ATT&CK" (text)
	// and "Environment" have a meaning to the matcher. The last is a []string of
	// the environment variables that the signature looks at, in the arguments
	// env and envp of events: environments hold secrets, so no others are there.
	// "*" is all of them.
	Properties map[string]interface{}
}

// SignatureEventSelector chooses events.
type SignatureEventSelector struct {
	// Source is "tracee"; a selector without a source chooses nothing.
	Source string
	// Name is an event of the catalogue; "" or "*" is every event.
	Name string
	// Origin is "host", "container", or "" or "*" for both.
	Origin string
}

// SignatureHandler takes a finding.
type SignatureHandler func(found Finding)

// Signal is what a signature is told besides events.
type Signal interface{}

// SignalSourceComplete says that the named source has no more events.
type SignalSourceComplete string

// Finding is what a signature found.
type Finding struct {
	Data map[string]interface{}
	// Event is the event that led to the finding.
	Event protocol.Event
	// SigMetadata is the signature's metadata.
	SigMetadata SignatureMetadata
}
