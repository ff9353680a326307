package check

import (
	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// Tests calls visit for every comparison of a condition, in order.
func Tests(n Node, visit func(*Test)) {
	switch n := n.(type) {
	case *And:
		for _, k := range n.Kids {
			Tests(k, visit)
		}
	case *Or:
		for _, k := range n.Kids {
			Tests(k, visit)
		}
	case *Not:
		Tests(n.Kid, visit)
	case *Test:
		visit(n)
	}
}

// Walk evaluates a condition by walking its tree: the plainest way, against
// which the faster ones are tested.
func Walk(n Node, src fields.Source) bool {
	switch n := n.(type) {
	case *And:
		for _, k := range n.Kids {
			if !Walk(k, src) {
				return false
			}
		}
		return true
	case *Or:
		for _, k := range n.Kids {
			if Walk(k, src) {
				return true
			}
		}
		return false
	case *Not:
		return !Walk(n.Kid, src)
	case *Test:
		f, err := n.Bind(src)
		return err == nil && f()
	}
	return false
}

// CompileOperand checks a field or transformer of an output.
func CompileOperand(o ast.Operand, t *fields.Table) (Operand, error) {
	c := &compiler{table: t}
	out, err := c.operand(o)
	return Operand{out}, err
}
