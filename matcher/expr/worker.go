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

	memory *memory
	timed  []*sequence // those that wait for time to pass

	// types numbers the event types that rules are specialised for, from 1.
	types     map[string]int
	number    int       // of the current event's type, 0 for all others
	screens   []*screen // by those numbers
	chosen    []int32   // for the current event
	hasChosen bool

	serial  uint64
	started bool
	visible bool // the event has a place in the language
	matched bool // a rule before this one matched it
}

// bound is a rule bound to the worker's event.
type bound struct {
	cond     programs
	line     *output.Line
	looked   []looked
	extra    []extra
	counts   *threshold // nil for rules that one event decides
	sequence *sequence  // nil for those that have a condition
	// suppress are conditions of events that the rule leaves alone.
	suppress []suppress
}

// programs are those of a condition, by the number of the event's type; those
// beyond the last, and those that are not there, are any, which an empty
// program never is.
type programs struct {
	special []program
	any     program
}

// of is the program for an event type.
func (p *programs) of(number int) *program {
	if number < len(p.special) && !p.special[number].empty() {
		return &p.special[number]
	}
	return &p.any
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

// newWorker makes a worker whose conditions are Go functions where they can be;
// with machineOnly, all run on expr's machine.
func (p *Program) newWorker(machineOnly bool) (*Worker, error) {
	w := &Worker{first: p.cfg.RuleMatching != All, event: fields.NewEvent(), types: map[string]int{}, suppressed: &p.suppressed}
	w.memory = &memory{limit: p.cfg.MaxState, most: p.cfg.MaxStateBytes, evicted: p.evict}
	a := newAtoms(w.event)
	special := make([][][]special, len(p.loaded))
	for i, r := range p.loaded {
		special[i] = conditions(r)
		for _, of := range special[i] {
			for _, s := range of {
				a.shared.count(s.cond, s.eventType)
			}
		}
	}
	for i, r := range p.loaded {
		b, err := w.bind(a, i, r, special[i], machineOnly)
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", r.Name, err)
		}
		w.rules = append(w.rules, b)
	}
	w.screen(a, special)
	return w, nil
}

// conditions are those of a rule, or of the steps of its sequence.
func conditions(r *loader.Rule) [][]special {
	if r.Sequence == nil {
		return [][]special{specialise(r, r.Compiled, r.Types)}
	}
	var out [][]special
	for _, st := range r.Sequence.Steps {
		out = append(out, specialise(r, st.Compiled, st.Types))
	}
	return out
}

// screen makes the screen of every event type that rules are specialised for,
// and that of all others. A rule with several conditions is possible when one
// of them is.
func (w *Worker) screen(a *atoms, all [][][]special) {
	names := make([]string, len(w.types)+1)
	for name, n := range w.types {
		names[n] = name
	}
	for _, name := range names {
		conds := make([]check.Node, len(w.rules))
		for i, of := range all {
			var some []check.Node
			for _, cond := range of {
				for _, s := range cond {
					if s.eventType == name || s.eventType == "" {
						some = append(some, s.cond)
					}
				}
			}
			switch len(some) {
			case 0:
			case 1:
				conds[i] = some[0]
			default:
				conds[i] = &check.Or{Kids: some}
			}
		}
		w.screens = append(w.screens, a.newScreen(conds))
	}
}

// special is a condition for an event type, "" for all that have none of
// their own.
type special struct {
	eventType string
	cond      check.Node
}

// specialise makes the conditions of a rule for the event types that it names.
func specialise(r *loader.Rule, n check.Node, types check.Types) []special {
	if !r.Enabled {
		return nil
	}
	if types.Except || len(types.Names) > maxSpecial {
		return []special{{"", n}}
	}
	out := make([]special, 0, len(types.Names))
	for _, name := range types.Sorted() {
		out = append(out, special{name, check.Specialise(n, name)})
	}
	return out
}

// compile makes the programs of a condition.
func (w *Worker) compile(a *atoms, conds []special, text string, machineOnly bool) (out programs, err error) {
	for _, s := range conds {
		p, err := a.compile(s.cond, s.eventType, text, machineOnly)
		if err != nil {
			return out, err
		}
		if s.eventType == "" {
			out.any = p
			continue
		}
		n, ok := w.types[s.eventType]
		if !ok {
			n = len(w.types) + 1
			w.types[s.eventType] = n
		}
		for len(out.special) <= n {
			out.special = append(out.special, program{})
		}
		out.special[n] = p
	}
	return out, nil
}

func (w *Worker) bind(a *atoms, index int, r *loader.Rule, conds [][]special, machineOnly bool) (bound, error) {
	b := bound{line: r.Output.Bind(w.event), counts: newThreshold(r, w.event, w.memory)}
	var err error
	if r.Sequence == nil {
		b.cond, err = w.compile(a, conds[0], r.Condition, machineOnly)
	} else if b.sequence, err = w.newSequence(a, index, r, conds, machineOnly); r.Sequence.Wait > 0 {
		w.timed = append(w.timed, b.sequence)
	}
	if err != nil {
		return b, err
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

// Choose implements [matcher.Chooser].
func (w *Worker) Choose(ev *matcher.Event) []int32 {
	w.see(ev)
	if w.hasChosen {
		return w.chosen
	}
	w.hasChosen = true
	w.chosen = w.chosen[:0]
	if w.visible {
		w.chosen = w.screens[w.number].choose(w.chosen)
	}
	return w.chosen
}

// see makes an event the current one.
func (w *Worker) see(ev *matcher.Event) {
	if w.started && ev.Serial == w.serial {
		return
	}
	w.started, w.serial, w.matched, w.hasChosen = true, ev.Serial, false, false
	w.visible = w.event.Set(ev.Record)
	w.number = w.types[w.event.Type()]
}

// Match implements [matcher.Worker].
func (w *Worker) Match(i int, ev *matcher.Event, found func(matcher.Finding)) error {
	w.see(ev)
	b := &w.rules[i]
	if !w.visible || w.first && w.matched && b.counts == nil && b.sequence == nil {
		return nil
	}
	if b.sequence != nil {
		return b.sequence.match(w, b, ev, found)
	}
	hit, err := w.run(b.cond.of(w.number))
	if !hit || err != nil {
		return err
	}
	if quiet, err := w.suppressedBy(b, ev); quiet || err != nil {
		return err
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

// suppressedBy says whether a rule leaves the event alone.
func (w *Worker) suppressedBy(b *bound, ev *matcher.Event) (bool, error) {
	for i := range b.suppress {
		if s := &b.suppress[i]; ev.Record.Event.Time < s.until {
			quiet, err := w.run(&s.program)
			if quiet {
				w.suppressed.Add(1)
			}
			if quiet || err != nil {
				return quiet, err
			}
		}
	}
	return false, nil
}

// Pass implements [matcher.Timer].
func (w *Worker) Pass(partition uint32, host string, now int64, found func(int, matcher.Finding)) {
	for _, q := range w.timed {
		q.pass(partition, host, now, found)
	}
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
		if q := w.rules[i].sequence; q != nil {
			q.forget(partition)
		}
	}
}
