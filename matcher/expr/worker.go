package expr

import (
	"fmt"

	"github.com/expr-lang/expr/vm"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/output"
)

// Worker evaluates the rules for one goroutine.
type Worker struct {
	first   bool
	event   *fields.Event
	machine vm.VM
	rules   []bound

	serial  uint64
	started bool
	visible bool // the event has a place in the language
	matched bool // a rule before this one matched it
}

// bound is a rule with its atoms bound to the worker's event.
type bound struct {
	name    string
	program *vm.Program
	line    *output.Line
	looked  []looked
	extra   []extra
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

// NewWorker implements [matcher.Program].
func (p *Program) NewWorker() (matcher.Worker, error) {
	w := &Worker{first: p.cfg.RuleMatching != All, event: fields.NewEvent()}
	atoms := newAtoms(w.event)
	for _, r := range p.loaded {
		b := bound{name: r.Name, line: r.Output.Bind(w.event)}
		if r.Enabled {
			prog, err := atoms.compile(r)
			if err != nil {
				return nil, fmt.Errorf("rule %q: %w", r.Name, err)
			}
			b.program = prog
		}
		seen := map[string]bool{}
		for _, ref := range refsOf(r) {
			if seen[ref.Text] || ref.Def.Has(fields.FilterOnly) || ref.Several() {
				continue
			}
			seen[ref.Text] = true
			op := check.FieldOperand(ref)
			b.looked = append(b.looked, looked{ref.Text, output.Any(op, op.Bind(w.event))})
		}
		for _, x := range r.Extra {
			b.extra = append(b.extra, extra{x.Name, x.Format.Bind(w.event)})
		}
		w.rules = append(w.rules, b)
	}
	return w, nil
}

// Match implements [matcher.Worker].
func (w *Worker) Match(i int, ev *matcher.Event, found func(matcher.Finding)) error {
	if !w.started || ev.Serial != w.serial {
		w.started, w.serial, w.matched = true, ev.Serial, false
		w.visible = w.event.Set(ev.Record)
	}
	r := &w.rules[i]
	if !w.visible || r.program == nil || w.first && w.matched {
		return nil
	}
	out, err := w.machine.Run(r.program, nil)
	if err != nil {
		return err
	}
	if hit, _ := out.(bool); !hit {
		return nil
	}
	w.matched = true
	values := r.line.Values()
	for _, l := range r.looked {
		if _, ok := values[l.name]; !ok {
			values[l.name] = l.read()
		}
	}
	for _, x := range r.extra {
		values[x.name] = x.line.String()
	}
	found(matcher.Finding{Output: r.line.String(), Values: values})
	return nil
}

// Forget implements [matcher.Worker]: rules keep nothing between events.
func (w *Worker) Forget(uint32) {}
