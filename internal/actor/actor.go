package actor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// DefaultGrace is the time that an actor has for each step of its stop when
// [Actor.Grace] is 0.
const DefaultGrace = 10 * time.Second

// Actor is one named part of a process.
type Actor struct {
	// Name is used in logs, errors and readiness; it is unique in a set.
	Name string
	// Run works until the context ends, finishes what it holds and returns
	// nil. Any other return before that is a failure or, with nil, the end of
	// this actor's work. The context's own error counts as nil once it ended.
	Run func(ctx context.Context) error
	// Ready returns nil when the actor can do its work, otherwise the reason
	// why not. It may be nil and may be called at any time, from any goroutine.
	Ready func() error
	// Drain waits until nothing is left for the actor to do. It is called
	// between the stop of the groups before and that of its own; see the
	// package comment. It may be nil.
	Drain func(ctx context.Context) error
	// Grace bounds Drain and, separately, the return of Run after its context
	// ended; 0 stands for DefaultGrace.
	Grace time.Duration
	// Final stops the whole set in order when this actor returns nil by
	// itself: the source of a replay.
	Final bool
}

// Group is actors that are stopped at the same time.
type Group []Actor

// Set is groups that run together. Make one with New.
type Set struct {
	log    *slog.Logger
	groups [][]*state

	// stop is closed when the set has to stop, before the context ends.
	stop     chan struct{}
	stopOnce sync.Once

	// failed is closed at the first failure.
	failed chan struct{}

	mu    sync.Mutex
	first error // the failure that Run returns
}

type state struct {
	Actor
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex
	phase    phase
	stopping bool
}

type phase uint8

const (
	waiting phase = iota
	running
	finished
	failed
)

// Run makes a set of the groups, given in the order in which they are to
// stop, and runs it.
func Run(ctx context.Context, log *slog.Logger, groups ...Group) error {
	s, err := New(log, groups...)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// New makes a set of the groups, given in the order in which they are to
// stop. Names must be unique.
func New(log *slog.Logger, groups ...Group) (*Set, error) {
	s := &Set{log: log, stop: make(chan struct{}), failed: make(chan struct{})}
	names := map[string]bool{}
	for _, g := range groups {
		var states []*state
		for _, a := range g {
			switch {
			case a.Name == "" || a.Run == nil:
				return nil, fmt.Errorf("actor %q: needs a name and a function to run", a.Name)
			case names[a.Name]:
				return nil, fmt.Errorf("two actors are called %q", a.Name)
			case a.Grace < 0:
				return nil, fmt.Errorf("actor %q: negative grace %v", a.Name, a.Grace)
			}
			names[a.Name] = true
			if a.Grace == 0 {
				a.Grace = DefaultGrace
			}
			states = append(states, &state{Actor: a, done: make(chan struct{})})
		}
		s.groups = append(s.groups, states)
	}
	return s, nil
}

// Run starts all actors and returns when all have stopped: nil, or the first
// failure. It is called once.
func (s *Set) Run(ctx context.Context) error {
	// Cancelling ctx starts the stop; it must not reach the actors by itself,
	// or they would not stop in order.
	base := context.WithoutCancel(ctx)
	for i := len(s.groups) - 1; i >= 0; i-- {
		for _, a := range s.groups[i] {
			s.start(base, a)
		}
	}
	all := make(chan struct{})
	go func() {
		defer close(all)
		for _, g := range s.groups {
			for _, a := range g {
				<-a.done
			}
		}
	}()
	select {
	case <-ctx.Done():
	case <-s.stop:
	case <-all:
	}
	for _, g := range s.groups {
		s.stopGroup(base, g)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

func (s *Set) start(ctx context.Context, a *state) {
	ctx, cancel := context.WithCancel(ctx)
	a.mu.Lock()
	a.cancel, a.phase = cancel, running
	a.mu.Unlock()
	go func() {
		defer close(a.done)
		defer cancel()
		s.finish(a, s.call(ctx, a))
	}()
}

// call runs the actor and turns a panic into an error.
func (s *Set) call(ctx context.Context, a *state) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic", "actor", a.Name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return a.Run(ctx)
}

// finish records how the actor ended.
func (s *Set) finish(a *state, err error) {
	a.mu.Lock()
	stopping := a.stopping
	if stopping && errors.Is(err, context.Canceled) {
		err = nil
	}
	a.phase = finished
	if err != nil {
		a.phase = failed
	}
	a.mu.Unlock()
	switch {
	case err != nil:
		s.fail(fmt.Errorf("%s: %w", a.Name, err))
	case stopping:
		s.log.Debug("stopped", "actor", a.Name)
	default:
		s.log.Debug("done", "actor", a.Name)
		if a.Final {
			s.halt()
		}
	}
}

// fail keeps the first failure and stops the set.
func (s *Set) fail(err error) {
	s.mu.Lock()
	first := s.first == nil
	if first {
		s.first = err
		close(s.failed)
	}
	s.mu.Unlock()
	if !first {
		s.log.Warn("failed while stopping", "error", err)
	}
	s.halt()
}

func (s *Set) halt() { s.stopOnce.Do(func() { close(s.stop) }) }

func (s *Set) hasFailed() bool {
	select {
	case <-s.failed:
		return true
	default:
		return false
	}
}

// stopGroup drains and stops the actors of a group, all at once.
func (s *Set) stopGroup(ctx context.Context, g []*state) {
	var wg sync.WaitGroup
	for _, a := range g {
		wg.Go(func() {
			s.drain(ctx, a)
			a.mu.Lock()
			a.stopping = true
			a.mu.Unlock()
			a.cancel()
			t := time.NewTimer(a.Grace)
			defer t.Stop()
			select {
			case <-a.done:
			case <-t.C:
				s.fail(fmt.Errorf("%s: did not stop within %v", a.Name, a.Grace))
			}
		})
	}
	wg.Wait()
}

// drain waits for the actor to work off what is left. That it does not manage
// to is no failure: what is left is still stored where it came from.
func (s *Set) drain(ctx context.Context, a *state) {
	if a.Drain == nil || s.hasFailed() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, a.Grace)
	defer cancel()
	// Nothing is left to wait for when the actor itself ends or anything fails.
	go func() {
		select {
		case <-a.done:
		case <-s.failed:
		case <-ctx.Done():
		}
		cancel()
	}()
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		return a.Drain(ctx)
	}()
	if err != nil {
		s.log.Warn("stopping with work left", "actor", a.Name, "error", err)
	}
}
