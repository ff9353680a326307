package expr

import (
	"fmt"
	"sync/atomic"

	"github.com/expr-lang/expr/vm"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/loader"
	"github.com/tripline/tripline/matcher/expr/falco/output"
)

// Worker evaluates the rules for one goroutine.
type Worker struct {
	first   bool
	event   *fields.Event
	machine vm.VM
	rules   []bound

	suppressed *atomic.Uint64 // of the program

	// types numbers the event types that rules are specialised for, from 1.
	types  map[string]int
	number int // of the current event's type, 0 for all others

	serial  uint64
	started bool
	visible bool // the event has a place in the language
	matched bool // a rule before this one matched it
}

// bound is a rule bound to the worker's event.
type bound struct {
	// programs are by the number of the event's type; those beyond the last,
	// and those that are not there, are any, which an empty program never is.
	programs []program
	any      program
	line     *output.Line
	looked   []looked
	extra    []extra
	counts   *threshold // nil for rules that one event decides
	// suppress are conditions of events that the rule leaves alone.
	suppress []suppress
}

// suppress is a condition that counts for events before a time.
type suppress struct {
	until int64
	program
}

// looked is a field that the condition looks at.
type looked struct {
	name string
	read func() any
}

// extra is a field that the configuration adds.
type extra struct {
	name string
	line *output.Line
}

// maxSpecial bounds for how many event types a rule is specialised.
const maxSpecial = 32

// NewWorker implements [matcher.Program].
func (p *Program) NewWorker() (matcher.Worker, error) { return p.newWorker(false) }

// newWorker makes a worker; with machineOnly everything runs on expr's
// machine.
func (p *Program) newWorker(machineOnly bool) (*Worker, error) {
	w := &Worker{first: p.cfg.RuleMatching != All, event: fields.NewEvent(), types: map[string]int{}, suppressed: &p.suppressed}
	a := newAtoms(w.event)
	special := make([][]special, len(p.loaded))
	for i, r := range p.loaded {
		special[i] = specialise(r)
		for _, s := range special[i] {
			a.shared.count(s.cond, s.eventType)
		}
	}
	for i, r := range p.loaded {
		b, err := w.bind(a, r, special[i], machineOnly)
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", r.Name, err)
		}
		b.counts = newThreshold(r.Threshold, w.event, p.cfg.MaxState, func() { p.evict(r.Name) })
		w.rules = append(w.rules, b)
	}
	return w, nil
}

// special is a condition for an event type, "" for all that have none of
// their own.
type special struct {
	eventType string
	cond      check.Node
}

// specialise makes the conditions of a rule for the event types that it names.
func specialise(r *loader.Rule) []special {
	if !r.Enabled {
		return nil
	}
	if r.Types.Except || len(r.Types.Names) > maxSpecial {
		return []special{{"", r.Compiled}}
	}
	out := make([]special, 0, len(r.Types.Names))
	for _, name := range r.Types.Sorted() {
		out = append(out, special{name, check.Specialise(r.Compiled, name)})
	}
	return out
}

func (w *Worker) bind(a *atoms, r *loader.Rule, conds []special, machineOnly bool) (bound, error) {
	b := bound{line: r.Output.Bind(w.event)}
	for _, s := range conds {
		p, err := a.compile(s.cond, s.eventType, r.Condition, machineOnly)
		if err != nil {
			return b, err
		}
		if s.eventType == "" {
			b.any = p
			continue
		}
		n, ok := w.types[s.eventType]
		if !ok {
			n = len(w.types) + 1
			w.types[s.eventType] = n
		}
		for len(b.programs) <= n {
			b.programs = append(b.programs, program{})
		}
		b.programs[n] = p
	}
	for _, s := range r.Suppress {
		p, err := a.compile(s.Compiled, "", r.Condition, machineOnly)
		if err != nil {
			return b, err
		}
		b.suppress = append(b.suppress, suppress{s.Until.UnixNano(), p})
	}
	seen := map[string]bool{}
	check.Tests(r.Compiled, func(t *check.Test) {
		for _, ref := range t.Refs() {
			if seen[ref.Text] || ref.Def.Has(fields.FilterOnly) || ref.Several() {
				continue
			}
			seen[ref.Text] = true
			op := check.FieldOperand(ref)
			b.looked = append(b.looked, looked{ref.Text, output.Any(op, op.Bind(w.event))})
		}
	})
	for _, x := range r.Extra {
		b.extra = append(b.extra, extra{x.Name, x.Format.Bind(w.event)})
	}
	return b, nil
}

// Match implements [matcher.Worker].
func (w *Worker) Match(i int, ev *matcher.Event, found func(matcher.Finding)) error {
	if !w.started || ev.Serial != w.serial {
		w.started, w.serial, w.matched = true, ev.Serial, false
		w.visible = w.event.Set(ev.Record)
		w.number = w.types[w.event.Type()]
	}
	b := &w.rules[i]
	if !w.visible || w.first && w.matched && b.counts == nil {
		return nil
	}
	hit, err := w.holds(b)
	if !hit || err != nil {
		return err
	}
	for i := range b.suppress {
		if s := &b.suppress[i]; ev.Record.Event.Time < s.until {
			quiet, err := w.run(&s.program)
			if quiet {
				w.suppressed.Add(1)
			}
			if quiet || err != nil {
				return err
			}
		}
	}
	if b.counts == nil {
		w.matched = true
		found(b.finding())
		return nil
	}
	// What is about several events neither hides behind a rule about one of
	// them nor hides that.
	if b.counts.add(ev) {
		f := b.finding()
		f.Data = b.counts.data()
		found(f)
	}
	return nil
}

// holds evaluates the condition of a rule.
func (w *Worker) holds(b *bound) (bool, error) {
	p := &b.any
	if w.number < len(b.programs) && !b.programs[w.number].empty() {
		p = &b.programs[w.number]
	}
	return w.run(p)
}

// run evaluates a condition.
func (w *Worker) run(p *program) (bool, error) {
	if p.fast != nil {
		return p.fast(), nil
	}
	if p.machine == nil {
		return false, nil
	}
	out, err := w.machine.Run(p.machine, nil)
	if err != nil {
		return false, err
	}
	hit, _ := out.(bool)
	return hit, nil
}

// finding renders the output of a rule that holds.
func (b *bound) finding() matcher.Finding {
	values := b.line.Values()
	for _, l := range b.looked {
		if _, ok := values[l.name]; !ok {
			values[l.name] = l.read()
		}
	}
	for _, x := range b.extra {
		values[x.name] = x.line.String()
	}
	return matcher.Finding{Output: b.line.String(), Values: values}
}

// Forget implements [matcher.Worker].
func (w *Worker) Forget(partition uint32) {
	for i := range w.rules {
		if c := w.rules[i].counts; c != nil {
			c.forget(partition)
		}
	}
}
