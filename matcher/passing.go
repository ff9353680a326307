package matcher

import (
	"strings"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

const (
	// lateness is how long an event may be on its way behind later ones of its
	// host, as those of a container are while it is not known yet: what has not
	// come by then has not happened.
	lateness = 2 * time.Second
	// silence is how long a host must say nothing in a partition until its time
	// is taken to go on without events.
	silence = 5 * time.Second
)

// hostTime is how far a host's events in a partition have come.
type hostTime struct {
	newest int64     // of the events
	heard  time.Time // when that was, by this machine's clock
}

// heard lets time pass with the events of a batch.
func (e *Evaluator) heard(b *msg.Batch, partition uint32) {
	if len(e.timers) == 0 || len(b.Events) == 0 {
		return
	}
	hosts := e.times[partition]
	if hosts == nil {
		hosts = make(map[string]hostTime)
		e.times[partition] = hosts
	}
	at, known := hosts[b.Host]
	for _, ev := range b.Events {
		at.newest = max(at.newest, ev.Time)
	}
	at.heard = time.Now()
	if known {
		hosts[b.Host] = at
	} else {
		hosts[strings.Clone(b.Host)] = at
	}
	e.pass(partition, b.Host, at.newest-int64(lateness))
}

// Pass says that the time of a host's events in a partition has come to now,
// in ns since the epoch, and that all events before are dealt with.
// [Evaluator.Batch] does so by the time of its events.
func (e *Evaluator) Pass(partition uint32, host string, now int64, emit func(*msg.Detection)) {
	e.emit = emit
	e.pass(partition, host, now)
	e.account()
}

// Quiet lets time pass for hosts that have said nothing for a while in
// partitions for which own holds. It is to be called about once a second where
// events come as they happen. What it finds has the id that it would have had
// if the next event had shown that time had passed.
func (e *Evaluator) Quiet(now time.Time, own func(partition uint32) bool, emit func(partition uint32, d *msg.Detection)) {
	if len(e.timers) == 0 {
		return
	}
	for p, hosts := range e.times {
		if !own(p) {
			// Somebody else sees what happens there.
			delete(e.times, p)
			continue
		}
		for host, at := range hosts {
			if quiet := now.Sub(at.heard); quiet > silence {
				e.Pass(p, host, at.newest+int64(quiet-silence), func(d *msg.Detection) { emit(p, d) })
			}
		}
	}
}

func (e *Evaluator) pass(partition uint32, host string, now int64) {
	for _, t := range e.timers {
		at := e.positions[t]
		err := protect(func() {
			t.Pass(partition, host, now, func(i int, f Finding) {
				if i < len(at) && at[i] >= 0 && !e.slots[at[i]].guard.off.Load() {
					e.foundPast(at[i], f)
				}
			})
		})
		if err != nil {
			e.log.Warn("rules failed as time passed", "error", err)
		}
	}
}

// foundPast receives a finding about an event of before.
func (e *Evaluator) foundPast(n int, f Finding) {
	d, err := newPastDetection(e.rs.Rules[n], f)
	if err != nil {
		e.fail(n, failError, err.Error(), "")
		return
	}
	e.amended.complete(d.Event)
	e.slots[n].findings++
	e.stats.detections++
	e.emit(d)
}
