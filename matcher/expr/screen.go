package expr

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

const (
	// screenValues is how many values of one field a screen remembers, and
	// screenLength how long one may be in bytes.
	screenValues = 4096
	screenLength = 256
	// A field that hardly ever has a value again is not worth remembering:
	// after screenTrial values with more new than known ones it rests for
	// screenRest events.
	screenTrial = 1024
	screenRest  = 1 << 16
)

// screen rules out most rules for an event of one type without evaluating
// them. Many parts of conditions are about one field alone, and such a part is
// true or false for a value once and for all. So each value that a field has
// had is remembered with the rules that it leaves possible, and what an event
// leaves possible is what all its values do.
//
// It only ever rules out: rules that it lets through are evaluated in full.
type screen struct {
	of     set // the rules for this type
	fields []*screened
}

// set holds rules by their numbers.
type set []uint64

func newSet(rules int) set { return make(set, (rules+63)/64) }

func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// meets says whether the sets have a rule in common.
func (s set) meets(o set) bool {
	for i, w := range s {
		if w&o[i] != 0 {
			return true
		}
	}
	return false
}

func (s set) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// screened is one field with what its values leave possible.
type screened struct {
	text  func() (string, bool)
	yes   func() (int64, bool) // for fields that are true or false
	parts []needed
	rules set // of all parts
	known map[string]set
	// few are for no value, false and true; nil until they are needed.
	few [3]set

	hits, misses, rest int
}

// needed is what some rules need to be true.
type needed struct {
	holds func() bool
	rules set
}

// newScreen makes the screen of an event type from the conditions of the rules
// for it; nil stands for a rule that has none.
func (a *atoms) newScreen(conds []check.Node) *screen {
	s := &screen{of: newSet(len(conds))}
	byField := map[string]*screened{}
	byPart := map[string]int{}
	for i, cond := range conds {
		if cond == nil {
			continue
		}
		s.of.add(i)
		for _, c := range check.Conjuncts(cond) {
			ref, ok := check.Alone(c)
			if !ok || ref.Type.Kind != fields.String && ref.Type.Kind != fields.Bool {
				continue
			}
			f := byField[ref.Text]
			if f == nil {
				f = a.screened(ref, len(conds))
				byField[ref.Text] = f
				s.fields = append(s.fields, f)
			}
			key := ref.Text + "\x00" + a.key(c)
			k, ok := byPart[key]
			if !ok {
				k = len(f.parts)
				byPart[key] = k
				f.parts = append(f.parts, needed{a.direct(c), newSet(len(conds))})
			}
			f.parts[k].rules.add(i)
			f.rules.add(i)
		}
	}
	// One rule alone is as quickly asked itself. What can rule out most comes
	// first.
	s.fields = slices.DeleteFunc(s.fields, func(f *screened) bool { return f.rules.count() < 2 })
	slices.SortStableFunc(s.fields, func(x, y *screened) int { return cmp.Compare(y.rules.count(), x.rules.count()) })
	return s
}

func (a *atoms) screened(ref *fields.Ref, rules int) *screened {
	g := a.src.Bind(ref)
	if g == nil {
		g = fields.Never()
	}
	f := &screened{known: map[string]set{}, rules: newSet(rules)}
	if ref.Type.Kind == fields.Bool {
		f.yes = g.Num
	} else {
		f.text = g.Str
	}
	return f
}

// key is the canonical text of a condition.
func (a *atoms) key(n check.Node) string {
	join := func(op string, kids []check.Node) string {
		parts := make([]string, len(kids))
		for i, k := range kids {
			parts[i] = a.key(k)
		}
		return "(" + strings.Join(parts, op) + ")"
	}
	switch n := n.(type) {
	case *check.And:
		return join("&", n.Kids)
	case *check.Or:
		return join("|", n.Kids)
	case *check.Not:
		return "!" + a.key(n.Kid)
	case *check.Test:
		return a.atom(n)
	}
	return ""
}

// direct evaluates a condition by the functions of its comparisons.
func (a *atoms) direct(n check.Node) func() bool {
	list := func(kids []check.Node) (out []func() bool) {
		for _, k := range kids {
			out = append(out, a.direct(k))
		}
		return out
	}
	switch n := n.(type) {
	case *check.And:
		return all(list(n.Kids))
	case *check.Or:
		return some(list(n.Kids))
	case *check.Not:
		f := a.direct(n.Kid)
		return func() bool { return !f() }
	case *check.Test:
		return a.tests[a.atom(n)]
	}
	return func() bool { return false }
}

// possible writes the rules that the current event can match.
func (s *screen) possible(out set) {
	copy(out, s.of)
	for _, f := range s.fields {
		if !out.meets(f.rules) {
			continue // it has nothing left to rule out
		}
		for i, w := range f.leaves() {
			out[i] &= w
		}
	}
}

// leaves returns what the field's current value leaves possible; nil is
// everything.
func (f *screened) leaves() set {
	if f.yes != nil {
		n, ok := f.yes()
		switch {
		case !ok:
			return f.once(0)
		case n == 0:
			return f.once(1)
		}
		return f.once(2)
	}
	if f.rest > 0 {
		f.rest--
		return nil
	}
	v, ok := f.text()
	if !ok {
		return f.once(0)
	}
	if s, ok := f.known[v]; ok {
		f.hits++
		return s
	}
	if len(v) > screenLength {
		return nil
	}
	f.misses++
	if f.hits+f.misses >= screenTrial {
		if f.misses > f.hits {
			f.rest = screenRest
		}
		f.hits, f.misses = 0, 0
	}
	if len(f.known) >= screenValues {
		clear(f.known)
	}
	s := f.evaluate()
	f.known[strings.Clone(v)] = s // the text is the batch's
	return s
}

func (f *screened) once(i int) set {
	if f.few[i] == nil {
		f.few[i] = f.evaluate()
	}
	return f.few[i]
}

// evaluate asks all parts about the current event.
func (f *screened) evaluate() set {
	out := make(set, len(f.parts[0].rules))
	for i := range out {
		out[i] = ^uint64(0)
	}
	for _, p := range f.parts {
		if !p.holds() {
			for i, w := range p.rules {
				out[i] &^= w
			}
		}
	}
	return out
}
