package exprlang

import (
	"strconv"
	"strings"

	xast "github.com/expr-lang/expr/ast"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
)

// operand translates a field, or one of the functions that are transformers;
// nil when it is neither.
func (t *translator) operand(n xast.Node) (ast.Operand, error) {
	if b, ok := n.(*xast.BuiltinNode); ok && len(b.Arguments) == 1 {
		name := map[string]string{"lower": "tolower", "upper": "toupper", "len": "len"}[b.Name]
		if name == "" {
			return nil, nil
		}
		arg, err := t.operand(b.Arguments[0])
		if arg == nil || err != nil {
			return nil, err
		}
		return &ast.Call{At: t.at(n), Name: name, Args: []ast.Operand{arg}}, nil
	}
	if c, ok := n.(*xast.CallNode); ok && len(c.Arguments) == 1 {
		id, ok := c.Callee.(*xast.IdentifierNode)
		if !ok || id.Value != "basename" && id.Value != "b64" {
			return nil, nil
		}
		arg, err := t.operand(c.Arguments[0])
		if arg == nil || err != nil {
			return nil, err
		}
		return &ast.Call{At: t.at(n), Name: id.Value, Args: []ast.Operand{arg}}, nil
	}
	f, err := t.field(n)
	if f == nil || err != nil {
		return nil, err
	}
	return f, nil
}

// field translates a chain of members that names a field, with its argument in
// brackets where it takes one.
func (t *translator) field(n xast.Node) (*ast.Field, error) {
	if _, ok := n.(*xast.MemberNode); !ok {
		return nil, nil
	}
	parts, ok := chain(n)
	if !ok {
		return nil, nil
	}
	name := strings.Join(parts, ".")
	f := &ast.Field{At: t.pos(root(n)), Name: name}
	_, err := t.table.Resolve(name, "", false)
	if err == nil {
		return f, nil
	}
	last := len(parts) - 1
	if _, err := t.table.Resolve(strings.Join(parts[:last], "."), parts[last], true); err == nil && last > 0 {
		f.Name, f.Arg, f.HasArg = strings.Join(parts[:last], "."), parts[last], true
		return f, nil
	}
	return nil, t.errorf(root(n), "%v", err)
}

// root is where a chain of members begins.
func root(n xast.Node) int {
	for {
		m, ok := n.(*xast.MemberNode)
		if !ok {
			return n.Location().From
		}
		n = m.Node
	}
}

// chain splits a.b.c, a.b["c"] and a.b[1] into their parts.
func chain(n xast.Node) ([]string, bool) {
	switch n := n.(type) {
	case *xast.IdentifierNode:
		return []string{n.Value}, true
	case *xast.MemberNode:
		parts, ok := chain(n.Node)
		if !ok || n.Optional || n.Method {
			return nil, false
		}
		switch p := n.Property.(type) {
		case *xast.StringNode:
			return append(parts, p.Value), true
		case *xast.IntegerNode:
			return append(parts, strconv.Itoa(p.Value)), true
		}
	}
	return nil, false
}
