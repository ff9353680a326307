// Package trace is the form in which a signature sees an event.
//
// Field names, JSON names and the Go types of argument values are those of
// Tracee 0.7 with its option parse-arguments; see [Argument].
package trace

import "github.com/tripline/tripline/pkg/detect/protocol"

const (
	// EventSource is what a selector's Source must be to receive events.
	EventSource = "tracee"
	// EventContentType begins the content type of every event.
	EventContentType = "tracee/event"
)

// EventOrigin is where an event comes from.
type EventOrigin string

// The origins.
const (
	ContainerOrigin EventOrigin = "container"
	HostOrigin      EventOrigin = "host"
)

// Event is one thing that a process did. ProcessID, ThreadID and
// ParentProcessID are as the process's own pid namespace numbers them, those
// that begin with Host as the host does.
type Event struct {
	Timestamp           int    `json:"timestamp"` // ns since the epoch
	ProcessorID         int    `json:"processorId"`
	ProcessID           int    `json:"processId"`
	ThreadID            int    `json:"threadId"`
	ParentProcessID     int    `json:"parentProcessId"`
	HostProcessID       int    `json:"hostProcessId"`
	HostThreadID        int    `json:"hostThreadId"`
	HostParentProcessID int    `json:"hostParentProcessId"`
	UserID              int    `json:"userId"`
	MountNS             int    `json:"mountNamespace"`
	PIDNS               int    `json:"pidNamespace"`
	ProcessName         string `json:"processName"`
	HostName            string `json:"hostName"`
	ContainerID         string `json:"containerId"`
	EventID             int    `json:"eventId,string"`
	EventName           string `json:"eventName"`
	// ArgsNum is len(Args).
	ArgsNum     int `json:"argsNum"`
	ReturnValue int `json:"returnValue"`
	// StackAddresses is nil: stacks are not collected.
	StackAddresses []uint64 `json:"stackAddresses"`
	// Args has the arguments that could be had, in the catalogue's order.
	Args []Argument `json:"args"`
}

// Origin is container if the event has a container id or a pid namespace of
// its own, host otherwise.
func (e Event) Origin() EventOrigin {
	if e.ContainerID != "" || e.ProcessID != e.HostProcessID {
		return ContainerOrigin
	}
	return HostOrigin
}

// ToProtocol puts the event into its envelope.
func (e Event) ToProtocol() protocol.Event {
	return protocol.Event{
		Headers: protocol.EventHeaders{
			ContentType: EventContentType + "-" + e.EventName,
			Origin:      EventSource + "/" + string(e.Origin()),
		},
		Payload: e,
	}
}
