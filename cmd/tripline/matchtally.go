package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tripline/tripline/matcher/input"
)

// tally counts what was read and reports what was not.
type tally struct {
	w io.Writer
	// mu guards malformed, which the reading goroutine counts.
	mu        sync.Mutex
	malformed uint64
	unknown   map[string]uint64
	lost      map[string]uint64
	example   error
}

// maxReports is after how many malformed pieces they are only counted.
const maxReports = 20

func newTally(w io.Writer) *tally {
	return &tally{w: w, unknown: make(map[string]uint64), lost: make(map[string]uint64)}
}

func (t *tally) report(file string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.malformed++
	switch {
	case t.malformed <= maxReports:
		fmt.Fprintf(t.w, "%s: %s\n", file, clean(err.Error()))
	case t.malformed == maxReports+1:
		fmt.Fprintln(t.w, "more that cannot be read is only counted")
	}
}

// print says what was left out; nothing if nothing was.
func (t *tally) print() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.malformed > 0 {
		fmt.Fprintf(t.w, "%d malformed and skipped\n", t.malformed)
	}
	if len(t.unknown) > 0 {
		fmt.Fprintf(t.w, "skipped, as no such events are known: %s\n", counts(t.unknown))
	}
	if len(t.lost) > 0 {
		fmt.Fprintf(t.w, "arguments that could not be read (first: %s): %s\n", clean(t.example.Error()), counts(t.lost))
	}
}

// settle adds what a reader that is done left out.
func (t *tally) settle(f *inputFile) {
	r, ok := f.batchReader.(*input.Reader)
	if !ok {
		return
	}
	s := r.Stats()
	for name, n := range s.Unknown {
		t.unknown[name] += n
	}
	for name, n := range s.Lost {
		t.lost[name] += n
	}
	if t.example == nil {
		t.example = s.LostExample
	}
}

func counts(m map[string]uint64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", clean(name), m[name]))
	}
	return strings.Join(parts, ", ")
}
