package loader

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/output"
)

// Sequence makes a rule one of several events, each for a condition of its
// own, that happen one after another.
type Sequence struct {
	// Within is how far apart in time the first and the last event may be.
	Within time.Duration
	// Wait is how long after the last event what must not follow is waited
	// for, 0 when the last event is the finding.
	Wait  time.Duration
	Steps []Step
}

// Step is an event of a sequence, or one that must not happen.
type Step struct {
	// Absent steps must not happen between the steps around them.
	Absent bool
	// By is what the event has in common with those of the other steps, in
	// the same order in each.
	By []*Operand
	// Note is text about the event that is told with the finding, or nil.
	Note *output.Format
	// Resolved, Compiled and Types are those of the condition, as of a [Rule].
	Resolved ast.Node
	Compiled check.Node
	Types    check.Types
}

// MaxSteps bounds a sequence.
const MaxSteps = 10

// sequence is a sequence as collected.
type sequence struct {
	within, wait time.Duration
	steps        []*step
}

type step struct {
	cond    *ast.Source
	foreign bool
	absent  bool
	by      []*Operand
	note    *ast.Source
}

// last is the step whose event the finding is about.
func (s *sequence) last() *step {
	for i := len(s.steps) - 1; i > 0; i-- {
		if !s.steps[i].absent {
			return s.steps[i]
		}
	}
	return s.steps[0]
}

// only refuses a key that an item does not have.
func (it *item) only(keys ...string) error {
	var bad error
	it.keys(func(key string, at, _ *yaml.Node) {
		if bad == nil && !contains(keys, key) {
			bad = it.fault(at, "a %s has no key '%s', expected one of %s", it.kind, key, strings.Join(keys, ", "))
		}
	})
	return bad
}

// sequence reads the key of that name, nil when it is not there.
func (l *Loader) sequence(it *item) (*sequence, error) {
	if !it.has("sequence") {
		return nil, nil
	}
	_, at := it.get("sequence")
	for _, other := range []string{"condition", "expr"} {
		if it.has(other) {
			return nil, it.fault(at, "a rule has '%s' or 'sequence', not both: the conditions of a sequence are in its steps", other)
		}
	}
	if it.has("threshold") {
		return nil, it.fault(at, "a rule has 'threshold' or 'sequence', not both")
	}
	n, err := it.need("sequence")
	if err != nil {
		return nil, err
	}
	m, err := it.mapping(n, "sequence")
	if err != nil {
		return nil, err
	}
	if err := m.only("within", "by", "steps"); err != nil {
		return nil, err
	}
	s := &sequence{}
	by, err := l.operands(m)
	if err != nil {
		return nil, err
	}
	steps, err := m.need("steps")
	if err != nil {
		return nil, err
	}
	if steps.Kind != yaml.SequenceNode || len(steps.Content) < 2 || len(steps.Content) > MaxSteps {
		return nil, m.fault(steps, "the value of 'steps' must be a sequence of 2 to %d steps", MaxSteps)
	}
	for i, e := range steps.Content {
		if err := l.step(m, e, s, by, i == len(steps.Content)-1); err != nil {
			return nil, err
		}
	}
	return s, m.times(s)
}

// times reads how long the whole may take, where that is not given by the last
// step alone.
func (it *item) times(s *sequence) error {
	present := 0
	for _, st := range s.steps {
		if !st.absent {
			present++
		}
	}
	last := s.steps[len(s.steps)-1].absent
	if it.has("within") || present > 1 || last && s.wait == 0 {
		var err error
		if s.within, err = it.within(); err != nil {
			return err
		}
	}
	if last && s.wait == 0 {
		s.wait = s.within
	}
	if s.within+s.wait > MaxWithin {
		_, at := it.get("within")
		return it.fault(at, "the sequence may take %s, expected at most %s together", s.within+s.wait, MaxWithin)
	}
	return nil
}

// step reads one step.
func (l *Loader) step(seq *item, n *yaml.Node, s *sequence, by []*Operand, last bool) error {
	it, err := seq.mapping(n, "step")
	if err != nil {
		return err
	}
	if err := it.only("condition", "expr", "absent", "within", "by", "note"); err != nil {
		return err
	}
	st := &step{by: by}
	if st.absent, err = it.boolean("absent", false); err != nil {
		return err
	}
	switch _, within := it.get("within"); {
	case st.absent && len(s.steps) == 0:
		_, at := it.get("absent")
		return it.fault(at, "a sequence begins with something that happens: the first step cannot be absent")
	case within != nil && !(last && st.absent):
		return it.fault(within, "only a last step that is absent has a 'within' of its own; that of the sequence is for all others")
	case within != nil:
		if s.wait, err = it.within(); err != nil {
			return err
		}
	}
	cond, err := l.stepCondition(it, st)
	if err != nil {
		return err
	}
	st.cond = it.source(cond)
	if it.has("by") {
		if st.by, err = l.operands(it); err != nil {
			return err
		}
	}
	if len(s.steps) > 0 && len(st.by) != len(s.steps[0].by) {
		at := it.node
		if v, _ := it.get("by"); v != nil {
			at = v
		}
		return it.fault(at, "this step is joined by %d fields and the first by %d: as many are needed", len(st.by), len(s.steps[0].by))
	}
	if it.has("note") {
		_, at := it.get("note")
		if st.absent {
			return it.fault(at, "a step that is absent has no 'note': there is no event to tell of")
		}
		v, err := it.text("note")
		if err != nil {
			return err
		}
		st.note = it.trimmed(v)
	}
	s.steps = append(s.steps, st)
	return nil
}

func (l *Loader) stepCondition(it *item, st *step) (*yaml.Node, error) {
	foreign := l.opt.Foreign != nil && it.has("expr")
	if foreign == it.has("condition") {
		return nil, it.fault(it.node, "a step has either 'condition' or 'expr'")
	}
	if st.foreign = foreign; foreign {
		return it.text("expr")
	}
	return it.text("condition")
}

// operands reads the key by, nil when it is not there.
func (l *Loader) operands(it *item) ([]*Operand, error) {
	nodes, err := it.texts("by")
	if err != nil {
		return nil, err
	}
	var out []*Operand
	for _, v := range nodes {
		o, err := l.operand(it, v)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// compileSequence fills in what comes of the conditions of the steps. The
// exceptions of the rule go with the step whose event the finding is about.
func (l *Loader) compileSequence(r *rule, out *Rule, items [][]listItem) bool {
	s := &Sequence{Within: r.sequence.within, Wait: r.sequence.wait}
	out.Types = check.Types{}
	for _, st := range r.sequence.steps {
		c := condition{src: st.cond, foreign: st.foreign}
		if st == r.sequence.last() {
			c.exceptions = r.exceptionsOnly()
		}
		got, ok := l.compileOne(r, out, c, items)
		if !ok {
			return false
		}
		done := Step{Absent: st.absent, By: st.by, Resolved: got.resolved, Compiled: got.compiled, Types: got.types}
		for _, x := range st.by {
			for _, ref := range x.Refs() {
				l.missing(r, out, ref, x.At)
			}
		}
		if st.note != nil {
			var err error
			if done.Note, err = output.Compile(st.note, l.opt.Fields); err != nil {
				l.ruleError(r, ErrCompileOutput, err)
				return false
			}
			for _, ref := range done.Note.Refs() {
				l.missing(r, out, ref, ast.Pos{Src: st.note})
			}
		}
		s.Steps = append(s.Steps, done)
		out.Types = out.Types.Or(got.types)
		if st == r.sequence.last() {
			out.Resolved, out.Compiled = got.resolved, got.compiled
		}
	}
	out.Sequence = s
	return true
}
