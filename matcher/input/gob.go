package input

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"io"

	"github.com/tripline/tripline/pkg/detect/trace"
)

// maxBadMessages is after how many messages in a row that cannot be read a
// stream is given up.
const maxBadMessages = 64

// NewGob reads Tracee's stream of events in gob. report is called for each
// event that is skipped, before Read returns.
func NewGob(r io.Reader, report func(*Malformed)) *Reader {
	trace.RegisterGob()
	w := &watched{r: r}
	b := bufio.NewReaderSize(w, readBuffer)
	return newReader(&messages{in: w, r: b, dec: gob.NewDecoder(b), converter: newConverter()}, report)
}

// watched keeps the error of a reader apart from those of what it holds.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

type messages struct {
	*converter
	in     *watched
	r      *bufio.Reader
	dec    *gob.Decoder
	number uint64
	bad    int // in a row
}

func (m *messages) next() (*Event, error) {
	if e := m.takeAdded(); e != nil {
		return e, nil
	}
	var e trace.Event
	m.number++
	err := m.dec.Decode(&e)
	switch {
	case err == nil:
	case m.in.err != nil:
		return nil, m.in.err
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("the stream ends in the middle of event %d", m.number)
	default:
		// Messages carry their length, so the next one can be found.
		if m.bad++; m.bad > maxBadMessages {
			return nil, fmt.Errorf("not a gob stream of events: %d messages in a row cannot be read, the last one: %w", m.bad, err)
		}
		return nil, &Malformed{Unit: "event", Number: m.number, Err: err}
	}
	m.bad = 0
	if e.EventName == "" {
		return nil, &Malformed{Unit: "event", Number: m.number, Err: errors.New("it has no name")}
	}
	return m.convert(&e, traceeArgs(&e), nil, ""), nil
}

func (m *messages) waiting() bool { return m.added == nil && m.r.Buffered() == 0 }
