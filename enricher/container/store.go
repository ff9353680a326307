package container

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// entry is a container and what is known of it. The step's mutex guards it.
type entry struct {
	id      string
	runtime string
	parent  string
	podUID  string
	// meta is what batches get. It is replaced, never changed.
	meta *msg.Container

	since   time.Time // first asked for
	tried   int
	open    int       // questions not yet answered
	heard   bool      // some runtime failed to answer rather than said no
	all     bool      // some runtime said that it can tell no more
	settled bool      // nothing more is expected
	again   time.Time // when a settled one without an answer is asked for again
	stale   bool      // to be asked for once more when the open question is answered
	seen    time.Time
	gone    time.Time

	// checking are the processes that run its health checks.
	checking map[checking]check

	// Where the container stands in the current batch.
	inBatch uint64
	at      uint32
	evicted bool
}

func (e *entry) complete() bool {
	return e.meta.Completeness == msg.Completeness_COMPLETENESS_COMPLETE
}

// bare is what is known of a container from its cgroup alone.
func (e *entry) bare() *msg.Container {
	c := &msg.Container{Id: e.id, Runtime: e.runtime, Parent: e.parent}
	if e.podUID != "" {
		c.Pod = &msg.Pod{Uid: e.podUID}
	}
	return c
}

// want returns the entry of a container, and asks the runtimes for it when it
// is new or was given up a while ago.
func (s *Step) want(r Ref, ask bool, now time.Time) *entry {
	e := s.entries[r.ID]
	if e == nil {
		if len(s.entries) >= s.cfg.MaxContainers {
			s.evict()
		}
		e = &entry{id: strings.Clone(r.ID), runtime: r.Runtime, parent: strings.Clone(r.Parent), podUID: strings.Clone(r.PodUID)}
		e.meta = e.bare()
		s.entries[e.id] = e
	}
	e.seen = now
	if r.Parent != "" && e.parent == "" || r.PodUID != "" && e.podUID == "" || r.Runtime != "" && e.runtime == "" {
		s.named(e, r)
	}
	if ask && e.open == 0 && !e.complete() && (e.since.IsZero() || e.settled && now.After(e.again)) {
		s.ask(e, now)
	}
	return e
}

// named adds what a cgroup's path says of a container that was met without.
func (s *Step) named(e *entry, r Ref) {
	if e.parent == "" {
		e.parent = strings.Clone(r.Parent)
	}
	if e.podUID == "" {
		e.podUID = strings.Clone(r.PodUID)
	}
	if e.runtime == "" {
		e.runtime = r.Runtime
	}
	if e.meta.Completeness == msg.Completeness_COMPLETENESS_NONE {
		e.meta = e.bare()
	} else {
		e.meta = e.merge(e.meta)
	}
}

// ask puts the question to every runtime that may know the container.
func (s *Step) ask(e *entry, now time.Time) {
	if e.since.IsZero() || e.settled {
		e.since, e.tried = now, 0
	}
	e.settled, e.heard, e.all = false, false, false
	e.tried++
	for _, b := range s.backends {
		if e.runtime != "" && b.Name() != e.runtime {
			continue
		}
		select {
		case b.queue <- e:
			e.open++
		default:
			e.heard = true
			s.metrics.refused.Inc()
		}
	}
	if e.open == 0 {
		s.settle(e, now)
	}
}

// settle ends the questions about a container without a complete answer.
func (s *Step) settle(e *entry, now time.Time) {
	e.settled = true
	// Not all at the same time.
	e.again = now.Add(s.cfg.Forget + rand.N(s.cfg.Forget/4+1))
}

// answer takes what a runtime said.
func (s *Step) answer(ctx context.Context, b *backend, e *entry, c *msg.Container, err error) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e.open--
	switch {
	case errors.Is(err, ErrAll):
		e.all = true
	case err != nil && !errors.Is(err, ErrNotFound):
		e.heard = true
	}
	// Of two interfaces of a runtime the one that knows more counts.
	if c != nil && c.Completeness >= e.meta.Completeness {
		if e.runtime == "" {
			e.runtime = b.Name()
		}
		e.meta = e.merge(c)
		e.settled = e.complete()
	}
	if e.open > 0 || e.evicted {
		return
	}
	if e.stale {
		e.stale = false
		s.ask(e, now)
		return
	}
	if e.complete() {
		return
	}
	if e.tried >= s.cfg.Tries || e.all && !e.heard {
		s.settle(e, now)
		return
	}
	// A container is in its cgroup a moment before some runtimes tell of it.
	time.AfterFunc(min(10*time.Millisecond<<min(e.tried-1, 6), 100*time.Millisecond), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if ctx.Err() == nil && e.open == 0 && !e.settled && !e.evicted && !e.complete() {
			s.ask(e, time.Now())
		}
	})
}

// merge adds to a runtime's answer what only the cgroup tells.
func (e *entry) merge(c *msg.Container) *msg.Container {
	out := &msg.Container{
		Id: e.id, Runtime: e.runtime, Name: c.Name, Image: c.Image, Labels: c.Labels, Mounts: c.Mounts,
		Privileged: c.Privileged, StartTime: c.StartTime, Pod: c.Pod, Completeness: c.Completeness,
		Ip: c.Ip, Parent: e.parent, CgroupId: c.CgroupId,
		HostPid: c.HostPid, HostNetwork: c.HostNetwork, HostIpc: c.HostIpc, User: c.User,
		HealthChecks: c.HealthChecks,
	}
	if out.Pod == nil && e.podUID != "" {
		out.Pod = &msg.Pod{Uid: e.podUID}
	}
	return out
}

// changed takes news from a runtime's watch.
func (s *Step) changed(b *backend, c Change) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[c.ID]
	switch c.Kind {
	case Gone:
		if e != nil && e.gone.IsZero() {
			e.gone = now
		}
	case Appeared, Changed:
		if e == nil {
			s.want(Ref{ID: c.ID, Runtime: b.Name()}, true, now)
			return
		}
		e.gone = time.Time{}
		switch {
		case e.complete() && c.Kind == Appeared:
		case e.open > 0:
			e.stale = true
		default:
			s.ask(e, now)
		}
	}
}

// pending says whether more is about to be known of a container.
func (s *Step) pending(e *entry, now time.Time) bool {
	if e.complete() || e.settled || e.since.IsZero() || now.Sub(e.since) >= s.cfg.Wait {
		return false
	}
	for _, b := range s.backends {
		if (e.runtime == "" || b.Name() == e.runtime) && b.answers() {
			return true
		}
	}
	return false
}

// evict makes room for a container: of a few taken at random the one that is
// gone, or else was not seen for longest.
func (s *Step) evict() {
	var worst *entry
	tried := 0
	for _, e := range s.entries { // the order of a map is random enough
		if worst == nil || worse(e, worst) {
			worst = e
		}
		if tried++; tried == 32 {
			break
		}
	}
	if worst != nil {
		worst.evicted = true
		delete(s.entries, worst.id)
		s.metrics.evicted.Inc()
	}
}

func worse(a, b *entry) bool {
	if a.gone.IsZero() != b.gone.IsZero() {
		return !a.gone.IsZero()
	}
	return a.seen.Before(b.seen)
}

// expire forgets containers that are gone since a while.
func (s *Step) expire(now time.Time) {
	for id, e := range s.entries {
		if !e.gone.IsZero() && now.Sub(e.gone) > s.cfg.KeepDead && now.Sub(e.seen) > s.cfg.KeepDead {
			e.evicted = true
			delete(s.entries, id)
		}
	}
}
