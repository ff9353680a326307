package check

import "github.com/tripline/tripline/matcher/expr/falco/fields"

// Conjuncts lists what must all be true for a condition to be true.
func Conjuncts(n Node) []Node {
	and, ok := n.(*And)
	if !ok {
		return []Node{n}
	}
	var out []Node
	for _, k := range and.Kids {
		out = append(out, Conjuncts(k)...)
	}
	return out
}

// About returns the field that alone decides a test: for the same value of the
// field, or the same lack of one, the test has the same outcome. Tests that
// compare two fields, fields that stand for several values, lists, and parts in
// another language are decided by none.
func (t *Test) About() (*fields.Ref, bool) {
	refs := t.Refs()
	if t.leaf != nil || t.right != nil || len(refs) != 1 || refs[0].Several() || refs[0].List() {
		return nil, false
	}
	return refs[0], true
}
