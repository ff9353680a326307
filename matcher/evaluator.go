package matcher

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// sampleEvery says of how many events with rules the evaluation is timed.
const sampleEvery = 64

// Evaluator holds events against a ruleset, for one goroutine. The matcher has
// one per worker; offline tools use one directly.
type Evaluator struct {
	rs    *Ruleset
	log   *slog.Logger
	clock *clock
	stop  context.CancelFunc // of a clock of its own
	onErr func(rule Rule, kind string)

	workers   map[*compiled]Worker
	slots     []slotState // parallel to rs.Rules
	choosers  []chooser   // parallel to rs.languages
	chosen    []int32     // positions in rs.Rules, of the stretch that is run
	timers    []Timer
	positions map[Timer][]int // in rs.Rules of a timer's rules, -1 for what is not run
	times     map[uint32]map[string]hostTime
	amended   amended

	ev       Event
	serial   uint64
	batches  uint64
	stats    evalStats
	progress progress

	// What the handler of the running evaluation needs, so that it is made
	// once.
	emit  func(*msg.Detection)
	rule  int
	count int
	found func(Finding)
	// replaying, with the ids of what was found then.
	replaying bool
	then      map[string]bool
}

// slotState is a rule's place in one evaluator.
type slotState struct {
	worker Worker
	index  int
	guard  *guard

	evaluations, findings, samples, sampledNs uint64
}

// evalStats counts what an evaluator did since the last batch was accounted for.
type evalStats struct {
	matched, evaluations, detections uint64
}

// NewEvaluator makes an evaluator for a ruleset. It logs failures of rules to
// log and is to be closed.
func NewEvaluator(rs *Ruleset, log *slog.Logger) (*Evaluator, error) {
	ctx, stop := context.WithCancel(context.Background())
	c := &clock{}
	e, err := newEvaluator(rs, log, c, func(Rule, string) {})
	if err != nil {
		stop()
		return nil, err
	}
	e.stop = stop
	go c.run(ctx)
	return e, nil
}

func newEvaluator(rs *Ruleset, log *slog.Logger, c *clock, onErr func(Rule, string)) (*Evaluator, error) {
	e := &Evaluator{log: log, clock: c, onErr: onErr, workers: make(map[*compiled]Worker), times: make(map[uint32]map[string]hostTime), amended: make(amended)}
	e.found = e.handle
	if err := e.use(rs); err != nil {
		return nil, err
	}
	return e, nil
}

// use changes over to another ruleset. Workers of languages that are the same
// in both stay, with their state; on an error everything stays.
func (e *Evaluator) use(rs *Ruleset) error {
	workers := make(map[*compiled]Worker)
	for _, c := range rs.languages {
		if c.program == nil {
			continue
		}
		if w, ok := e.workers[c]; ok {
			workers[c] = w
			continue
		}
		var w Worker
		var err error
		if failed := protect(func() { w, err = c.program.NewWorker() }); failed != nil {
			err = failed
		}
		if err != nil {
			for c, w := range workers {
				if _, kept := e.workers[c]; !kept {
					closeWorker(w)
				}
			}
			return fmt.Errorf("%s: %w", c.lang.Name(), err)
		}
		workers[c] = w
	}
	for c, w := range e.workers {
		if _, kept := workers[c]; !kept {
			closeWorker(w)
		}
	}
	e.account()
	e.rs, e.workers = rs, workers
	e.slots = make([]slotState, len(rs.slots))
	for i, s := range rs.slots {
		e.slots[i] = slotState{worker: workers[s.compiled], index: s.index, guard: s.guard}
	}
	e.timers, e.positions = nil, make(map[Timer][]int)
	e.choosers = make([]chooser, len(rs.languages))
	for i, c := range rs.languages {
		if ch, ok := workers[c].(Chooser); ok {
			e.choosers[i] = chooser{ch, rs.positions(c)}
		}
		if t, ok := workers[c].(Timer); ok {
			e.timers = append(e.timers, t)
			e.positions[t] = rs.positions(c)
		}
	}
	return nil
}

// Batch holds the events of a batch against the rules, in order, and calls
// emit for every detection before it returns. A detection shares memory with
// the batch.
func (e *Evaluator) Batch(b *msg.Batch, emit func(*msg.Detection)) {
	e.batch(b, b.Partition, nil, emit)
}

// Replay shows a batch that an earlier owner of the partition has dealt with to
// the rules about several events, so that they remember what they would have
// seen. Found has the ids of what was found then ([Event.Found]). What they find
// in its events is not reported; what has not happened in time is, with the id
// that it had if it was reported before.
func (e *Evaluator) Replay(b *msg.Batch, partition uint32, found map[string]bool, emit func(*msg.Detection)) {
	e.replay(b, partition, nil, found, emit)
}

// replay skips events of which skip says so, and returns how many it has shown.
func (e *Evaluator) replay(b *msg.Batch, partition uint32, skip func(*msg.Event) bool, found map[string]bool, emit func(*msg.Detection)) (shown uint64) {
	e.amended.learn(b)
	e.emit, e.replaying, e.then = emit, true, found
	defer func() { e.replaying, e.then, e.ev = false, nil, Event{} }()
	for i, ev := range b.Events {
		r := b.Record(i)
		origin := OriginOf(r)
		plan := e.rs.past.want(origin, ev.Type)
		if len(plan) == 0 || skip != nil && skip(ev) {
			continue
		}
		shown++
		e.serial++
		e.ev = Event{Record: r, Partition: partition, Origin: origin, Serial: e.serial, Replayed: true}
		e.follow(plan)
	}
	e.heard(b, partition)
	e.account()
	return shown
}

// batch skips events of which skip, called once for each that a rule wants,
// says so.
func (e *Evaluator) batch(b *msg.Batch, partition uint32, skip func(*msg.Event) bool, emit func(*msg.Detection)) {
	e.amended.learn(b)
	e.emit = emit
	e.batches++
	e.progress.batch.Store(e.batches)
	for i, ev := range b.Events {
		if !e.rs.wanted(ev.Type) || skip != nil && skip(ev) {
			continue
		}
		e.event(b.Record(i), partition)
	}
	e.heard(b, partition)
	e.progress.batch.Store(0)
	e.ev.Record = msg.Record{}
	e.account()
}

func (e *Evaluator) event(r msg.Record, partition uint32) {
	origin := OriginOf(r)
	plan := e.rs.all.want(origin, r.Event.Type)
	if len(plan) == 0 {
		return
	}
	e.serial++
	e.stats.matched++
	e.ev = Event{Record: r, Partition: partition, Origin: origin, Serial: e.serial}
	e.follow(plan)
}

// run evaluates rules until the end or a panic and returns how many it has
// dealt with.
func (e *Evaluator) run(refs []int32) (done int) {
	defer func() {
		if p := recover(); p != nil {
			e.fail(int(refs[done]), failPanic, fmt.Sprint(p), string(debug.Stack()))
			done++
		}
	}()
	timed := e.serial%sampleEvery == 0
	for ; done < len(refs); done++ {
		n := int(refs[done])
		s := &e.slots[n]
		if s.guard.off.Load() {
			continue
		}
		e.rule, e.count = n, 0
		if e.replaying {
			e.ev.Found = len(e.then) > 0 && e.then[msg.DetectionID(ruleKey(e.rs.Rules[n]), e.ev.Record, 0)]
		}
		s.evaluations++
		var began time.Time
		if timed {
			began = time.Now()
		}
		before := e.clock.ns.Load()
		e.progress.rule.Store(&e.rs.Rules[n])
		err := s.worker.Match(s.index, &e.ev, e.found)
		if spent := time.Duration(e.clock.ns.Load() - before); spent > s.guard.cfg.Overrun {
			e.fail(n, failOverrun, fmt.Sprintf("one evaluation took about %s, the limit is %s", spent, s.guard.cfg.Overrun), "")
		}
		if timed {
			s.samples++
			s.sampledNs += uint64(time.Since(began))
		}
		if err != nil {
			e.fail(n, failError, err.Error(), "")
		}
	}
	return done
}

func (e *Evaluator) fail(n int, kind, detail, stack string) {
	rule := e.rs.Rules[n]
	e.onErr(rule, kind)
	e.slots[n].guard.failed(e.log, rule, kind, detail, stack)
}

// handle receives a finding of the rule that is running.
func (e *Evaluator) handle(f Finding) {
	if f.Past != nil {
		e.foundPast(e.rule, f)
		return
	}
	if e.replaying {
		return
	}
	d := newDetection(e.rs.Rules[e.rule], f, e.ev.Record, e.count)
	e.count++
	e.slots[e.rule].findings++
	e.stats.detections++
	e.emit(d)
}

// End tells rules that the events have ended and reports what they say to
// that. The detections name host, and an event "source_complete".
func (e *Evaluator) End(host string, emit func(*msg.Detection)) {
	now := time.Now()
	for _, c := range e.rs.languages {
		ender, ok := e.workers[c].(Ender)
		if !ok {
			continue
		}
		count := make(map[int]int)
		at := e.rs.positions(c)
		err := protect(func() {
			ender.End(func(i int, f Finding) {
				if i < 0 || i >= len(at) || at[i] < 0 || e.slots[at[i]].guard.off.Load() {
					return
				}
				emit(newEndDetection(e.rs.Rules[at[i]], f, host, now, count[i]))
				count[i]++
			})
		})
		if err != nil {
			e.log.Warn("rules failed at the end of the events", "language", c.lang.Name(), "error", err)
		}
	}
}

// Forget drops what rules remember of a partition.
func (e *Evaluator) Forget(partition uint32) {
	delete(e.times, partition)
	for c, w := range e.workers {
		if err := protect(func() { w.Forget(partition) }); err != nil {
			e.log.Warn("rules failed to forget a partition", "language", c.lang.Name(), "error", err)
		}
	}
}

// Close releases what the rules hold.
func (e *Evaluator) Close() {
	e.account()
	for _, w := range e.workers {
		closeWorker(w)
	}
	e.workers = nil
	if e.stop != nil {
		e.stop()
	}
}

// account adds what was counted to the rules' records.
func (e *Evaluator) account() {
	for i := range e.slots {
		s := &e.slots[i]
		if s.evaluations == 0 {
			continue
		}
		e.stats.evaluations += s.evaluations
		s.guard.evaluations.Add(s.evaluations)
		s.guard.findings.Add(s.findings)
		s.guard.samples.Add(s.samples)
		s.guard.sampledNs.Add(s.sampledNs)
		s.evaluations, s.findings, s.samples, s.sampledNs = 0, 0, 0, 0
	}
}

// takeStats returns what was counted since the last call.
func (e *Evaluator) takeStats() evalStats {
	s := e.stats
	e.stats = evalStats{}
	return s
}

// OriginOf says whether the event comes from a container: its process is in
// one, or in a pid namespace other than the host's.
func OriginOf(r msg.Record) Origin {
	p := r.Process()
	if p.Container != 0 || p.NsPid != 0 && p.NsPid != p.Pid {
		return ContainerOrigin
	}
	return HostOrigin
}

// closeWorker closes workers that want to be.
func closeWorker(w Worker) {
	if c, ok := w.(io.Closer); ok {
		_ = protect(func() { _ = c.Close() })
	}
}

func protect(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.Join(fmt.Errorf("panic: %v", p), errors.New(string(debug.Stack())))
		}
	}()
	f()
	return nil
}
