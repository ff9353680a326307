package actor

import (
	"errors"
	"slices"
)

var (
	errNotStarted = errors.New("not started")
	errFailed     = errors.New("failed")
	errStopping   = errors.New("stopping")
)

// State is what is known of one actor at one moment.
type State struct {
	Name string
	// Phase is "waiting", "running", "stopping", "finished" or "failed".
	Phase string
	// NotReady is the reason why the actor cannot work; nil when it can, or
	// when it has finished and nobody expects it to.
	NotReady error
}

// States lists the actors in the order in which they are started.
func (s *Set) States() []State {
	var out []State
	for _, g := range slices.Backward(s.groups) {
		for _, a := range g {
			out = append(out, a.state())
		}
	}
	return out
}

// NotReady lists the actors that cannot work, with the reason; an empty list
// says that the set is ready.
func (s *Set) NotReady() []State {
	return slices.DeleteFunc(s.States(), func(a State) bool { return a.NotReady == nil })
}

func (a *state) state() State {
	a.mu.Lock()
	phase, stopping := a.phase, a.stopping
	a.mu.Unlock()
	out := State{Name: a.Name, Phase: [...]string{"waiting", "running", "finished", "failed"}[phase]}
	switch phase {
	case waiting:
		out.NotReady = errNotStarted
	case failed:
		out.NotReady = errFailed
	case running:
		switch {
		case stopping:
			out.Phase, out.NotReady = "stopping", errStopping
		case a.Ready != nil:
			out.NotReady = a.Ready()
		}
	}
	return out
}
