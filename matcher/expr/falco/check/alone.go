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

// Alone returns the field that a condition is about when nothing else decides
// it: for the same value of the field, or the same lack of one, the condition
// has the same outcome. Conditions about several fields, fields that stand for
// several values, lists, and parts in another language are about none.
func Alone(n Node) (*fields.Ref, bool) {
	var field *fields.Ref
	alone := true
	Tests(n, func(t *Test) {
		refs := t.Refs()
		if t.leaf != nil || len(refs) != 1 || t.right != nil || refs[0].Several() || refs[0].List() || field != nil && field.Text != refs[0].Text {
			alone = false
			return
		}
		field = refs[0]
	})
	return field, alone && field != nil
}
