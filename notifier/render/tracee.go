package render

import (
	"fmt"
	"time"

	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// dot is what a template sees: a detection, and beside its fields those of a
// finding of Tracee 0.7, so that templates written for tracee-rules work:
// .SigMetadata.ID, .Data, .Event.Payload.ProcessName.
type dot struct {
	*msg.Detection
	SigMetadata sigMetadata
	// Event hides the detection's.
	Event *eventDot
}

// MarshalJSON gives the detection, as it is without a template.
func (d dot) MarshalJSON() ([]byte, error) { return JSON(d.Detection) }

// String prints the detection, not where its parts are in memory.
func (d dot) String() string { return fmt.Sprintf("%+v", *d.Detection) }

// sigMetadata has the fields of Tracee's detect.SignatureMetadata.
type sigMetadata struct {
	ID          string
	Version     string
	Name        string
	Description string
	Tags        []string
	Properties  map[string]any
}

// eventDot is the event of a detection, and beside its fields those of
// Tracee's protocol.Event.
type eventDot struct {
	*msg.EventJSON
	Headers protocol.EventHeaders
	Payload trace.Event
}

// MarshalJSON gives the event as a detection has it.
func (e *eventDot) MarshalJSON() ([]byte, error) { return JSON(e.EventJSON) }

func newDot(d *msg.Detection) dot {
	out := dot{Detection: d, SigMetadata: sigMetadata{
		ID: d.Rule.ID, Version: d.Rule.Version, Name: d.Rule.Name, Description: d.Rule.Description,
		Tags: d.Rule.Tags, Properties: d.Rule.Properties,
	}}
	if d.Event == nil {
		return out
	}
	out.Event = &eventDot{EventJSON: d.Event, Payload: payload(d.Event)}
	out.Event.Headers = out.Event.Payload.ToProtocol().Headers
	return out
}

// payload makes Tracee's form of an event, as far as a detection has it: the
// numbers of namespaces are not in it.
func payload(e *msg.EventJSON) trace.Event {
	out := trace.Event{
		Timestamp: int(unixNano(e.Time)), ProcessorID: int(e.CPU), HostThreadID: int(e.TID), ThreadID: int(e.TID),
		ProcessName: e.Comm, HostName: e.Host, EventName: e.Name, ReturnValue: int(e.Return),
		Args: []trace.Argument{},
	}
	if typ, ok := catalogue.Lookup(e.Name); ok {
		out.EventID = int(typ.ID)
	}
	if c := e.Container; c != nil {
		out.ContainerID = c.ID
	}
	if p := e.Process; p != nil {
		out.HostProcessID, out.ProcessID = int(p.PID), int(p.PID)
		out.HostParentProcessID, out.ParentProcessID = int(p.PPID), int(p.PPID)
		if p.NSPID != 0 && p.NSPID != p.PID {
			// What the thread and the parent are called there is not told.
			out.ProcessID, out.ThreadID, out.ParentProcessID = int(p.NSPID), int(p.NSPID), 0
		}
		if p.UID != nil {
			out.UserID = int(*p.UID)
		}
	}
	for _, a := range e.Args {
		if a.Value != nil {
			out.Args = append(out.Args, trace.Argument{ArgMeta: trace.ArgMeta{Name: a.Name, Type: a.Type}, Value: a.Value})
		}
	}
	out.ArgsNum = len(out.Args)
	return out
}

func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// foundAt is when a detection was found.
func foundAt(d *msg.Detection) time.Time {
	if d.Detected.IsZero() {
		return d.Time
	}
	return d.Detected
}

// dateInZone is sprig's: a layout, a time, the name of a zone.
func dateInZone(layout string, t time.Time, zone string) (string, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return "", fmt.Errorf("dateInZone: %w", err)
	}
	return t.In(loc).Format(layout), nil
}
