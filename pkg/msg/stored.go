package msg

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Stored is a detection as it lies in the stream: its JSON, which is decoded
// when somebody asks for more than its id and its time. It is for one
// goroutine at a time.
type Stored struct {
	ID   string
	Time time.Time // of the event

	json    []byte
	decoded *Detection
}

// OpenDetection takes the JSON of a detection over. The error matches
// [ErrMalformed].
func OpenDetection(data []byte) (*Stored, error) {
	s := &Stored{json: data}
	if id, at, ok := head(data); ok && json.Valid(data) {
		s.ID, s.Time = id, at
		return s, nil
	}
	d, err := s.Detection()
	if err != nil {
		return nil, err
	}
	s.ID, s.Time = d.ID, d.Time
	return s, nil
}

// StoredOf wraps a detection that is decoded already.
func StoredOf(d *Detection) *Stored { return &Stored{ID: d.ID, Time: d.Time, decoded: d} }

// Detection decodes. The error matches [ErrMalformed].
func (s *Stored) Detection() (*Detection, error) {
	if s.decoded == nil {
		d := new(Detection)
		if err := json.Unmarshal(s.json, d); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		s.decoded = d
	}
	return s.decoded, nil
}

// JSON returns the detection as one JSON object. It is as it was stored, or
// made from the detection where there is none.
func (s *Stored) JSON() ([]byte, error) {
	if s.json == nil {
		return json.Marshal(s.decoded)
	}
	return s.json, nil
}

// head reads the first two members in the order in which a [Detection] is
// encoded. It only says yes where a decoder would say the same: an id without
// escapes and a time.
func head(data []byte) (id string, at time.Time, ok bool) {
	rest, found := bytes.CutPrefix(data, []byte(`{"id":"`))
	if !found {
		return "", at, false
	}
	n := bytes.IndexByte(rest, '"')
	if n <= 0 || bytes.IndexByte(rest[:n], '\\') >= 0 {
		return "", at, false
	}
	raw := rest[:n]
	if rest, found = bytes.CutPrefix(rest[n:], []byte(`","time":"`)); !found {
		return "", at, false
	}
	if n = bytes.IndexByte(rest, '"'); n < 0 {
		return "", at, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(rest[:n]))
	return string(raw), at, err == nil
}
