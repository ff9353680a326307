package rego

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// maxParts bounds how many parts a value may have that a rule writes down.
const maxParts = 100_000

// overgrown finds a variable whose value is written down in few lines and is
// huge: x1 := [x0, x0], x2 := [x1, x1] and so on. OPA puts the parts together
// in one step when the value is used, which no time limit stops.
func overgrown(m *ast.Module) *ast.Location {
	var found *ast.Location
	ast.WalkRules(m, func(r *ast.Rule) bool {
		g := growth{made: make(map[ast.Var][]*ast.Term), parts: make(map[ast.Var]float64)}
		ast.WalkExprs(r, func(e *ast.Expr) bool {
			if e.IsEquality() || e.IsAssignment() {
				g.note(e.Operand(0), e.Operand(1))
				g.note(e.Operand(1), e.Operand(0))
			}
			return false
		})
		for v, terms := range g.made {
			if found == nil && g.of(v) > maxParts {
				found = terms[0].Loc()
			}
		}
		if found == nil && r.Head.Value != nil && g.term(r.Head.Value) > maxParts {
			found = r.Loc()
		}
		return found != nil
	})
	return found
}

// growth is what the variables of a rule are made of.
type growth struct {
	made  map[ast.Var][]*ast.Term
	parts map[ast.Var]float64
}

func (g growth) note(a, b *ast.Term) {
	if v, ok := a.Value.(ast.Var); ok {
		g.made[v] = append(g.made[v], b)
	}
}

// of is how many parts a variable's value has, at most.
func (g growth) of(v ast.Var) float64 {
	if n, ok := g.parts[v]; ok {
		return n
	}
	g.parts[v] = 1 // while it is worked out, should it be made of itself
	most := 1.0
	for _, t := range g.made[v] {
		most = max(most, g.term(t))
	}
	g.parts[v] = most
	return most
}

func (g growth) term(t *ast.Term) float64 {
	n := 1.0
	add := func(t *ast.Term) { n += g.term(t) }
	switch x := t.Value.(type) {
	case ast.Var:
		return g.of(x)
	case *ast.Array:
		x.Foreach(add)
	case ast.Set:
		x.Foreach(add)
	case ast.Object:
		x.Foreach(func(k, v *ast.Term) { add(k); add(v) })
	}
	return n
}
