// Package protocol is the envelope in which a signature receives events.
package protocol

// EventHeaders say what the payload is.
type EventHeaders struct {
	// ContentType is "tracee/event-" and the event's name.
	ContentType string
	// Origin is "tracee/host" or "tracee/container".
	Origin string

	custom map[string]string
}

// Event is an envelope.
type Event struct {
	Headers EventHeaders
	// Payload is a trace.Event.
	Payload interface{}
}

// ContentType returns the header of that name.
func (e *Event) ContentType() string { return e.Headers.ContentType }

// Origin returns the header of that name.
func (e *Event) Origin() string { return e.Headers.Origin }

// Header returns what [Event.SetHeader] has set, or "".
func (e *Event) Header(header string) string { return e.Headers.custom[header] }

// SetHeader sets a header of the caller's own. Copies of the event made
// before the first call do not see it; later copies share it.
func (e *Event) SetHeader(header string, value string) {
	if e.Headers.custom == nil {
		e.Headers.custom = make(map[string]string)
	}
	e.Headers.custom[header] = value
}
