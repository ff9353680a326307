package msg

import (
	"bytes"
	"time"
)

// AmendmentJSON is an [Amendment] as tripline.amendments carries it: what
// became known of a container after its events had gone on with less.
type AmendmentJSON struct {
	Host string `json:"host"`
	// Time is when it became known.
	Time time.Time `json:"time"`
	// Container has the id that the events' container has.
	Container *ContainerJSON `json:"container"`
}

// JSON is the readable form of an amendment of a host's events.
func (a *Amendment) JSON(host string) AmendmentJSON {
	return AmendmentJSON{Host: host, Time: time.Unix(0, a.Time).UTC(), Container: a.Container.JSON()}
}

// rank orders what may be known of a container.
func rank(completeness string) int {
	for _, c := range []Completeness{Completeness_COMPLETENESS_COMPLETE, Completeness_COMPLETENESS_PARTIAL} {
		if completeness == c.Text() {
			return int(c)
		}
	}
	return int(Completeness_COMPLETENESS_NONE)
}

// More says whether more is known of a container here than there.
func (c *ContainerJSON) More(than *ContainerJSON) bool {
	return rank(c.Completeness) > rank(than.Completeness)
}

// Amend returns the detection with what is known of its container by now, for
// which it asks by host and id and which may be nil; the detection itself where
// that is no more than it says already. What was made of the event before, such
// as the output line, stays.
func (s *Stored) Amend(known func(host, id string) *ContainerJSON) *Stored {
	if s.decoded == nil && !lacks(s.json) {
		return s
	}
	d, err := s.Detection()
	if err != nil || d.Event == nil || d.Event.Container == nil {
		return s
	}
	c := known(d.Event.Host, d.Event.Container.ID)
	if c == nil || !c.More(d.Event.Container) {
		return s
	}
	whole, event := *d, *d.Event
	event.Container, whole.Event = c, &event
	return StoredOf(&whole)
}

// lacks says, without decoding, whether the container of a detection may be one
// of which not everything is known. A text cannot pretend so, for its quotes
// are escaped.
func lacks(detection []byte) bool {
	for _, c := range []Completeness{Completeness_COMPLETENESS_PARTIAL, Completeness_COMPLETENESS_NONE} {
		if bytes.Contains(detection, []byte(`"completeness":"`+c.Text()+`"`)) {
			return true
		}
	}
	return false
}
