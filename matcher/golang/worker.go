package golang

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
)

// program is the list of rules with their constructors.
type program struct {
	rules []matcher.Rule
	make  []func() detect.Signature
}

// Rules implements matcher.Program.
func (p *program) Rules() []matcher.Rule { return p.rules }

// NewWorker implements matcher.Program.
func (p *program) NewWorker() (matcher.Worker, error) {
	return &worker{program: p, partitions: make(map[uint32][]*instance)}, nil
}

// worker holds the instances of the partitions of one goroutine.
type worker struct {
	program    *program
	partitions map[uint32][]*instance // parallel to program.rules, made when needed

	// last and all are the partition used last and its instances.
	last uint32
	all  []*instance

	serial uint64 // of the event that is converted
	event  protocol.Event
	shapes shapes
}

// instance is one signature in one partition.
type instance struct {
	sig detect.Signature
	// broken is why it does not run: its Init failed.
	broken error

	mu       sync.Mutex // findings may come from the signature's own goroutines
	findings []detect.Finding
	some     atomic.Bool // that there are findings
}

// Match implements matcher.Worker.
func (w *worker) Match(i int, ev *matcher.Event, found func(matcher.Finding)) error {
	inst, err := w.instance(i, ev.Partition)
	if err != nil {
		return err
	}
	if w.serial != ev.Serial {
		w.event = convert(ev, w.shapes.of(ev.Record))
		w.serial = ev.Serial
	}
	err = inst.sig.OnEvent(w.event)
	w.report(i, inst, found)
	return err
}

// instance returns the signature for a partition. One whose Init failed stays
// failed: the error is returned for every event until the guard turns the rule
// off.
func (w *worker) instance(i int, partition uint32) (*instance, error) {
	if w.all == nil || w.last != partition {
		all, ok := w.partitions[partition]
		if !ok {
			all = make([]*instance, len(w.program.rules))
			w.partitions[partition] = all
		}
		w.all, w.last = all, partition
	}
	inst := w.all[i]
	if inst == nil {
		inst = &instance{broken: errors.New("its Init panicked")}
		w.all[i] = inst
		inst.sig = w.program.make[i]()
		err := inst.sig.Init(inst.handle)
		inst.broken = nil
		if err != nil {
			inst.broken = fmt.Errorf("its Init: %w", err)
		}
	}
	return inst, inst.broken
}

func (inst *instance) handle(f detect.Finding) {
	inst.mu.Lock()
	defer inst.mu.Unlock()
	inst.findings = append(inst.findings, f)
	inst.some.Store(true)
}

// report passes on what the signature has found.
func (w *worker) report(i int, inst *instance, found func(matcher.Finding)) {
	if !inst.some.Load() {
		return
	}
	inst.mu.Lock()
	findings := inst.findings
	inst.findings = nil
	inst.some.Store(false)
	inst.mu.Unlock()
	for _, f := range findings {
		out := matcher.Finding{Data: f.Data}
		if name := f.SigMetadata.Name; name != w.program.rules[i].Info.Name {
			out.Output = name
		}
		found(out)
	}
}

// Forget implements matcher.Worker.
func (w *worker) Forget(partition uint32) {
	all := w.partitions[partition]
	delete(w.partitions, partition)
	w.all = nil
	closeAll(all)
}

// Close ends all instances.
func (w *worker) Close() error {
	for p := range w.partitions {
		w.Forget(p)
	}
	return nil
}

// End implements matcher.Ender: every instance is told that the source is
// complete. A signature that saw no event is made now, so that it can answer.
func (w *worker) End(found func(rule int, f matcher.Finding)) {
	if len(w.partitions) == 0 {
		w.partitions[0] = make([]*instance, len(w.program.rules))
	}
	for p := range w.partitions {
		for i := range w.program.rules {
			protect(func() {
				inst, err := w.instance(i, p)
				if err != nil {
					return
				}
				_ = inst.sig.OnSignal(detect.SignalSourceComplete(trace.EventSource))
				w.report(i, inst, func(f matcher.Finding) { found(i, f) })
			})
		}
	}
}

// closeAll closes instances; what one does wrong there keeps none of the
// others from being closed.
func closeAll(all []*instance) {
	for _, inst := range all {
		if inst != nil && inst.sig != nil && inst.broken == nil {
			protect(inst.sig.Close)
		}
	}
}

func protect(f func()) {
	defer func() { _ = recover() }()
	f()
}
