package expr

import (
	xast "github.com/expr-lang/expr/ast"

	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// closure turns a checked program into nested Go functions, which saves the
// machine's loop and stack. It returns nil for a tree with anything in it but
// atoms, and, or, not and constants: that one the machine runs. The condition
// that the tree was made from says which of its parts are shared.
func (a *atoms) closure(n xast.Node, from check.Node, eventType string) func() bool {
	f := a.plainClosure(n, from, eventType)
	if f == nil || !a.shared.often(from, eventType) {
		return f
	}
	key := use{eventType, a.shared.id(from)}
	if m, ok := a.memo[key]; ok {
		return m
	}
	m := remember(a.src, f)
	a.memo[key] = m
	return m
}

func (a *atoms) plainClosure(n xast.Node, from check.Node, eventType string) func() bool {
	switch n := n.(type) {
	case *xast.BoolNode:
		v := n.Value
		return func() bool { return v }
	case *xast.CallNode:
		if id, ok := n.Callee.(*xast.IdentifierNode); ok {
			return a.tests[id.Value]
		}
	case *xast.UnaryNode:
		not, ok := from.(*check.Not)
		if n.Operator == "!" && ok {
			if f := a.closure(n.Node, not.Kid, eventType); f != nil {
				return func() bool { return !f() }
			}
		}
	case *xast.BinaryNode:
		parts := kids(from)
		// The tree has one binary node less than there are kids, nested to the
		// left, so the last kid is on its right.
		fs := make([]func() bool, len(parts))
		var at xast.Node = n
		for i := len(parts) - 1; i >= 0; i-- {
			k := at
			if i > 0 {
				b, ok := at.(*xast.BinaryNode)
				if !ok || b.Operator != n.Operator {
					return nil
				}
				k, at = b.Right, b.Left
			}
			if fs[i] = a.closure(k, parts[i], eventType); fs[i] == nil {
				return nil
			}
		}
		switch n.Operator {
		case "&&":
			return all(fs)
		case "||":
			return some(fs)
		}
	}
	return nil
}

// remember asks f once an event.
func remember(e *fields.Event, f func() bool) func() bool {
	var (
		at    uint64
		value bool
	)
	return func() bool {
		if at != e.Stamp() {
			value = f()
			at = e.Stamp()
		}
		return value
	}
}

func all(fs []func() bool) func() bool {
	switch len(fs) {
	case 2:
		f, g := fs[0], fs[1]
		return func() bool { return f() && g() }
	case 3:
		f, g, h := fs[0], fs[1], fs[2]
		return func() bool { return f() && g() && h() }
	}
	return func() bool {
		for _, f := range fs {
			if !f() {
				return false
			}
		}
		return true
	}
}

func some(fs []func() bool) func() bool {
	switch len(fs) {
	case 2:
		f, g := fs[0], fs[1]
		return func() bool { return f() || g() }
	case 3:
		f, g, h := fs[0], fs[1], fs[2]
		return func() bool { return f() || g() || h() }
	}
	return func() bool {
		for _, f := range fs {
			if f() {
				return true
			}
		}
		return false
	}
}
