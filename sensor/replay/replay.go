package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/sensor"
)

// Source replays a recording.
type Source struct {
	cfg Config
	log *slog.Logger

	mu   sync.Mutex
	seen map[string]struct{}
}

var _ sensor.Patient = (*Source)(nil)

// New makes a source; the recording is opened, and its header checked, by Run
// and here once to complain early.
func New(cfg Config, log *slog.Logger) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	f, err := os.Open(cfg.File)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	defer f.Close()
	if _, err := NewReader(f); err != nil {
		return nil, fmt.Errorf("replay: %s: %w", cfg.File, err)
	}
	return &Source{cfg: cfg, log: log, seen: map[string]struct{}{}}, nil
}

// Run emits the batches of the recording and returns nil at its end.
func (s *Source) Run(ctx context.Context, emit func(*msg.Batch)) error {
	for {
		n, err := s.once(ctx, emit)
		if err != nil {
			return fmt.Errorf("replay: %s: %w", s.cfg.File, err)
		}
		if ctx.Err() != nil || !s.cfg.Loop || n == 0 {
			return nil
		}
	}
}

// once plays the recording through and returns how many batches it held.
func (s *Source) once(ctx context.Context, emit func(*msg.Batch)) (n int, err error) {
	f, err := os.Open(s.cfg.File)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r, err := NewReader(f)
	if err != nil {
		return 0, err
	}
	p := pace{speed: s.cfg.Speed, start: time.Now()}
	for ctx.Err() == nil {
		b, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case errors.Is(err, ErrTruncated):
			s.log.Warn("the recording is incomplete", "file", s.cfg.File, "batches", n)
			return n, nil
		case err != nil:
			return n, err
		}
		// Whoever recorded them, they are raw again.
		b.Partition, b.PartitionSeq, b.Enricher = 0, 0, ""
		if len(b.Events)+len(b.Processes)+len(b.Drops) == 0 {
			continue
		}
		s.note(b)
		if len(b.Events) > 0 && !p.wait(ctx, b.Events[0].Time) {
			return n, nil
		}
		n++
		emit(b)
	}
	return n, nil
}

// note remembers which events the recording holds.
func (s *Source) note(b *msg.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := ^uint32(0)
	for i, e := range b.Events {
		if e.Type != last {
			s.seen[b.Record(i).Name()] = struct{}{}
			last = e.Type
		}
	}
}

// Want does nothing: a recording emits what it holds.
func (s *Source) Want([]msg.EventDemand) map[string]string { return nil }

// Enabled lists the events that were seen in the recording so far.
func (s *Source) Enabled() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.seen))
}

// Drops is empty: what the recorded sensor lost is in the recorded batches.
func (s *Source) Drops() []*msg.Drop { return nil }

// Patient is true: a recording can wait.
func (s *Source) Patient() bool { return true }

// pace waits until it is time for an event.
type pace struct {
	speed float64
	start time.Time
	first int64 // time of the first event, ns since the epoch
}

// wait returns false when the context ended first.
func (p *pace) wait(ctx context.Context, at int64) bool {
	if p.speed == 0 {
		return ctx.Err() == nil
	}
	if p.first == 0 {
		p.first = at
	}
	due := p.start.Add(time.Duration(float64(at-p.first) / p.speed))
	t := time.NewTimer(time.Until(due))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
