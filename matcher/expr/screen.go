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
// them. A single value often does: no program of that name can match the rule,
// whatever else the event holds, and that is so once and for all. So each value
// that a field has had is remembered with the rules that it leaves possible,
// and what an event leaves possible is what all its values do.
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
			for name, ref := range decisive(c) {
				can, _ := a.given(c, name)
				if can == nil {
					continue // it can be true whatever the value is
				}
				f := byField[name]
				if f == nil {
					f = a.screened(ref, len(conds))
					byField[name] = f
					s.fields = append(s.fields, f)
				}
				key := name + "\x00" + a.key(c)
				k, ok := byPart[key]
				if !ok {
					k = len(f.parts)
					byPart[key] = k
					f.parts = append(f.parts, needed{can, newSet(len(conds))})
				}
				f.parts[k].rules.add(i)
				f.rules.add(i)
			}
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

// decisive lists the texts and truths that alone decide some test of a
// condition, by name.
func decisive(n check.Node) map[string]*fields.Ref {
	out := map[string]*fields.Ref{}
	check.Tests(n, func(t *check.Test) {
		if ref, ok := t.About(); ok && (ref.Type.Kind == fields.String || ref.Type.Kind == fields.Bool) {
			out[ref.Text] = ref
		}
	})
	return out
}

// given returns functions that say whether a condition can be true and whether
// it can be false when nothing is known but the value that a field has in the
// current event. Nil stands for a function that always says yes.
func (a *atoms) given(n check.Node, field string) (canBeTrue, canBeFalse func() bool) {
	both := func(kids []check.Node) (yes, no []func() bool) {
		for _, k := range kids {
			y, n := a.given(k, field)
			yes, no = append(yes, y), append(no, n)
		}
		return yes, no
	}
	switch n := n.(type) {
	case *check.And:
		yes, no := both(n.Kids)
		return allOf(yes), anyOf(no)
	case *check.Or:
		yes, no := both(n.Kids)
		return anyOf(yes), allOf(no)
	case *check.Not:
		yes, no := a.given(n.Kid, field)
		return no, yes
	case *check.Test:
		if ref, ok := n.About(); ok && ref.Text == field {
			f := a.tests[a.atom(n)]
			return f, func() bool { return !f() }
		}
	}
	return nil, nil
}

// allOf joins functions of which all must say yes, anyOf those of which one
// must.
func allOf(fs []func() bool) func() bool {
	fs = slices.DeleteFunc(fs, func(f func() bool) bool { return f == nil })
	switch len(fs) {
	case 0:
		return nil
	case 1:
		return fs[0]
	}
	return all(fs)
}

func anyOf(fs []func() bool) func() bool {
	if len(fs) == 0 {
		return func() bool { return false }
	}
	if slices.ContainsFunc(fs, func(f func() bool) bool { return f == nil }) {
		return nil
	}
	return some(fs)
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
