package expr

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// newScreen makes the screen of an event type from the conditions of the rules
// for it; nil stands for a rule that has none.
func (a *atoms) newScreen(conds []check.Node) *screen {
	s := &screen{src: a.src}
	for i, cond := range conds {
		if cond != nil {
			s.rules = append(s.rules, int32(i))
		}
	}
	s.possible, s.all = newSet(len(s.rules)), newSet(len(s.rules))
	parts := map[string]*conjunct{}
	var all []*conjunct
	for number, i := range s.rules {
		s.all.add(number)
		for _, n := range check.Conjuncts(conds[i]) {
			key := a.key(n)
			c := parts[key]
			if c == nil {
				c = &conjunct{Node: n, rules: newSet(len(s.rules))}
				parts[key] = c
				all = append(all, c)
			}
			c.rules.add(number)
		}
	}
	by := a.byField(all, len(s.rules))
	for _, f := range by {
		if f.ref.Def.OfProcess {
			s.process = append(s.process, f)
		} else {
			s.event = append(s.event, f)
		}
	}
	for _, fs := range [][]*screened{s.process, s.event} {
		slices.SortStableFunc(fs, func(x, y *screened) int { return cmp.Compare(y.rules.count(), x.rules.count()) })
	}
	for _, c := range all {
		if !slices.ContainsFunc(by, func(f *screened) bool { return decidedBy(c, f.ref) }) {
			can, _ := a.given(c.Node, a.exactly)
			s.parts = append(s.parts, &needed{can, c.rules})
		}
	}
	slices.SortStableFunc(s.parts, func(x, y *needed) int { return cmp.Compare(y.rules.count(), x.rules.count()) })
	return s
}

// conjunct is what some rules need to be true.
type conjunct struct {
	check.Node
	rules set
}

// byField finds the fields whose values alone rule out something. One rule
// alone is as quickly asked itself.
func (a *atoms) byField(all []*conjunct, rules int) (out []*screened) {
	by := map[string]*screened{}
	for _, c := range all {
		for name, ref := range decisive(c.Node) {
			can, _ := a.given(c.Node, a.value(name))
			if can == nil {
				continue // it can be true whatever the value is
			}
			f := by[name]
			if f == nil {
				f = a.screened(ref, rules)
				by[name] = f
			}
			f.parts = append(f.parts, needed{can, c.rules})
			f.rules.join(c.rules)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		if by[name].rules.count() > 1 {
			out = append(out, by[name])
		}
	}
	return out
}

// known is something known of an event. For a test it returns functions that
// say whether, going by that, the test can be true and can be false; nil stands
// for one that always says yes.
type known func(*check.Test) (canBeTrue, canBeFalse func() bool)

// exactly is what is known to somebody who looks.
func (a *atoms) exactly(t *check.Test) (canBeTrue, canBeFalse func() bool) {
	f := a.tests[a.atom(t)]
	return f, func() bool { return !f() }
}

// value is the value of a field. Where another field follows from it or is
// absent, a test of that one cannot be true unless it is of what follows.
func (a *atoms) value(field string) known {
	return func(t *check.Test) (canBeTrue, canBeFalse func() bool) {
		ref, ok := t.About()
		switch {
		case ok && ref.Text == field:
			return a.exactly(t)
		case ok && ref.Def.Base == field:
			if f, err := t.Bind(presumed{a.src}); err == nil {
				return f, nil
			}
		}
		return nil, nil
	}
}

// presumed reads fields that follow from others as if they were never absent
// for another reason.
type presumed struct{ *fields.Event }

// Bind implements [fields.Source].
func (p presumed) Bind(r *fields.Ref) *fields.Getter { return p.Presumed(r) }

// decidedBy says whether the value of a field decides all of a condition.
func decidedBy(c *conjunct, ref *fields.Ref) bool {
	all := true
	check.Tests(c.Node, func(t *check.Test) {
		of, ok := t.About()
		all = all && ok && of.Text == ref.Text
	})
	return all
}

func (a *atoms) screened(ref *fields.Ref, rules int) *screened {
	f := &screened{ref: ref, rules: newSet(rules)}
	if ref.Type.Kind != fields.Bool {
		f.text = a.column(ref)
		return f
	}
	g := a.src.Bind(ref)
	if g == nil {
		g = fields.Never()
	}
	f.yes = g.Num
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
// condition, or nearly so, by name.
func decisive(n check.Node) map[string]*fields.Ref {
	out := map[string]*fields.Ref{}
	check.Tests(n, func(t *check.Test) {
		if ref, ok := t.About(); ok && (ref.Type.Kind == fields.String || ref.Type.Kind == fields.Bool) {
			if base := ref.Base(); base != nil {
				ref = base
			}
			out[ref.Text] = ref
		}
	})
	return out
}

// given returns functions that say whether a condition can be true and whether
// it can be false, going by what is known; nil as in [known].
func (a *atoms) given(n check.Node, by known) (canBeTrue, canBeFalse func() bool) {
	both := func(kids []check.Node) (yes, no []func() bool) {
		for _, k := range kids {
			y, n := a.given(k, by)
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
		yes, no := a.given(n.Kid, by)
		return no, yes
	case *check.Test:
		return by(n)
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
