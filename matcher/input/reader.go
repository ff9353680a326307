package input

import (
	"errors"
	"fmt"

	"github.com/tripline/tripline/pkg/msg"
)

// batchEvents is how many events a batch holds at most.
const batchEvents = 256

// Malformed is a piece of the input that was skipped.
type Malformed struct {
	// Unit is what is numbered, "line" or "event"; Number counts from 1.
	Unit   string
	Number uint64
	Err    error
}

func (m *Malformed) Error() string { return fmt.Sprintf("%s %d: %v", m.Unit, m.Number, m.Err) }

func (m *Malformed) Unwrap() error { return m.Err }

// Stats counts what a reader has read.
type Stats struct {
	Events    uint64
	Malformed uint64
	// Unknown counts, by name, events that the catalogue does not know; those
	// of names beyond the first hundred are counted under "…".
	Unknown map[string]uint64
	// Lost counts, by event and argument, arguments that were left out;
	// LostExample is the first reason, nil while there is none.
	Lost        map[string]uint64
	LostExample error
}

// maxNames bounds the maps of Stats, whose keys come from the input.
const maxNames = 100

func count(m *map[string]uint64, name string) {
	if *m == nil {
		*m = make(map[string]uint64)
	}
	if _, known := (*m)[name]; !known && len(*m) >= maxNames {
		name = "…"
	}
	(*m)[name]++
}

// source yields events one at a time.
type source interface {
	// next returns an event, a [*Malformed] for one that cannot be read, or
	// how the input ends: with io.EOF if well.
	next() (*Event, error)
	// waiting says whether next may have to wait for more input.
	waiting() bool
}

// Reader makes batches. It is for one goroutine.
type Reader struct {
	src    source
	report func(*Malformed)
	b      msg.Builder
	held   *Event // of the next batch: another host or boot
	end    error
	stats  Stats
}

func newReader(src source, report func(*Malformed)) *Reader {
	return &Reader{src: src, report: report}
}

// Stats returns what was read so far; the maps are the reader's own.
func (r *Reader) Stats() Stats { return r.stats }

// Read returns the next events: up to 256 of one host, fewer when the input
// pauses, so that what comes through a pipe is not held back. At the end it
// returns io.EOF; another error says what was wrong with the input as a
// whole, and all events before that have been returned.
func (r *Reader) Read() (*msg.Batch, error) {
	for r.end == nil {
		e := r.held
		r.held = nil
		if e == nil {
			e = r.next()
		}
		if e == nil {
			if len(r.b.Batch().Events) > 0 && r.src.waiting() {
				break
			}
			continue
		}
		b := r.b.Batch()
		if len(b.Events) > 0 && (b.Host != e.Host || b.BootId != e.Boot) {
			r.held = e
			break
		}
		r.add(e)
		if n := len(b.Events); n >= batchEvents || n > 0 && r.src.waiting() {
			break
		}
	}
	if len(r.b.Batch().Events) > 0 {
		return r.b.Take(), nil
	}
	return nil, r.end
}

// next reads one event; nil when it was skipped or the input has ended.
func (r *Reader) next() *Event {
	e, err := r.src.next()
	if err == nil {
		return e
	}
	var m *Malformed
	if errors.As(err, &m) {
		r.stats.Malformed++
		r.report(m)
		return nil
	}
	r.end = err
	return nil
}

func (r *Reader) add(e *Event) {
	b := r.b.Batch()
	lost, err := e.Append(&r.b)
	var unknown *UnknownEventError
	if errors.As(err, &unknown) {
		count(&r.stats.Unknown, unknown.Name)
		return
	}
	for _, l := range lost {
		count(&r.stats.Lost, l.Event+"."+l.Name)
		if r.stats.LostExample == nil {
			r.stats.LostExample = l
		}
	}
	if len(b.Events) == 1 {
		b.Host, b.BootId, b.Source, b.FirstSeq = e.Host, e.Boot, "file", e.Seq
	}
	b.LastSeq = e.Seq
	r.stats.Events++
}
