package exprlang

import (
	"errors"
	"fmt"
	"reflect"
	"sync"

	xast "github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	xparser "github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// leaf is a part of an expression that runs as a program of its own. Its
// fields are functions f0, f1, … without arguments.
type leaf struct {
	text string
	refs []*fields.Ref

	mu   sync.Mutex // compiling writes into the tree
	node xast.Node
}

// memoryBudget bounds what one run may allocate, in expr's units.
const memoryBudget = 100_000

// leaf translates what has no counterpart in Falco's language.
func (t *translator) leaf(n xast.Node) (ast.Node, error) {
	l := &leaf{}
	l.text = t.src.Text
	if err := t.allow(n); err != nil {
		return nil, err
	}
	node, err := t.rewrite(n, l)
	if err != nil {
		return nil, err
	}
	l.node = node
	l.text = node.String()
	for i, r := range l.refs {
		l.text += fmt.Sprintf(" f%d=%s", i, r.Text)
	}
	// It is compiled once here, so that a mistake shows when rules are loaded.
	if _, err := l.compile(constantSource{}); err != nil {
		return nil, t.placed(err)
	}
	return &ast.Foreign{At: t.at(n), Text: l.text, Impl: l}, nil
}

// allow lets only through what is bounded.
func (t *translator) allow(n xast.Node) error {
	v := &allowed{t: t}
	xast.Walk(&n, v)
	if v.err == nil {
		return nil
	}
	return v.err
}

type allowed struct {
	t   *translator
	err *ast.Error
}

// Visit implements the visitor of expr.
func (v *allowed) Visit(n *xast.Node) {
	if v.err != nil {
		return
	}
	refuse := func(format string, args ...any) { v.err = v.t.errorf((*n).Location().From, format, args...) }
	switch x := (*n).(type) {
	case *xast.IdentifierNode, *xast.IntegerNode, *xast.FloatNode, *xast.BoolNode, *xast.StringNode, *xast.MemberNode,
		*xast.ConditionalNode, *xast.ArrayNode:
	case *xast.UnaryNode:
	case *xast.CallNode:
		if id, ok := x.Callee.(*xast.IdentifierNode); ok {
			refuse("the function '%s' cannot be part of a larger comparison", id.Value)
		} else {
			refuse("only functions can be called")
		}
	case *xast.BinaryNode:
		switch x.Operator {
		case "..", "**", "|", "??":
			refuse("the operator %s is not allowed here", x.Operator)
		case "matches":
			if err := v.t.constantPattern(x.Right); err != nil {
				errors.As(err, &v.err)
			}
		}
	case *xast.BuiltinNode:
		switch x.Name {
		case "len", "lower", "upper", "trim", "trimPrefix", "trimSuffix", "hasPrefix", "hasSuffix",
			"indexOf", "lastIndexOf", "abs", "min", "max", "int", "float", "string":
		default:
			refuse("the function '%s' is not allowed here: what it costs has no bound", x.Name)
		}
	default:
		refuse("%s is not allowed here", describe(*n))
	}
}

// rewrite puts functions in the place of fields.
func (t *translator) rewrite(n xast.Node, l *leaf) (xast.Node, error) {
	var err error
	sub := func(k *xast.Node) {
		if err == nil && *k != nil {
			*k, err = t.rewrite(*k, l)
		}
	}
	switch n := n.(type) {
	case *xast.MemberNode:
		f, err := t.field(n)
		if err != nil {
			return nil, err
		}
		if f == nil {
			return nil, t.errorf(root(n), "expected a field")
		}
		return t.call(f, n, l)
	case *xast.IdentifierNode:
		return nil, t.errorf(n.Location().From, "'%s' is no field; a macro must stand by itself between and, or and not", n.Value)
	case *xast.UnaryNode:
		sub(&n.Node)
	case *xast.BinaryNode:
		sub(&n.Left)
		sub(&n.Right)
	case *xast.ConditionalNode:
		sub(&n.Cond)
		sub(&n.Exp1)
		sub(&n.Exp2)
	case *xast.ArrayNode:
		for i := range n.Nodes {
			sub(&n.Nodes[i])
		}
	case *xast.BuiltinNode:
		for i := range n.Arguments {
			sub(&n.Arguments[i])
		}
	}
	return n, err
}

// call makes the function of a field.
func (t *translator) call(f *ast.Field, n xast.Node, l *leaf) (xast.Node, error) {
	ref, err := t.table.Resolve(f.Name, f.Arg, f.HasArg)
	if err != nil {
		return nil, t.errorf(n.Location().From, "%v", err)
	}
	if ref.Several() || ref.Type.Kind == fields.None {
		return nil, t.errorf(n.Location().From, "%s can only be compared with constants", ref.Text)
	}
	i := len(l.refs)
	for j, r := range l.refs {
		if r.Text == ref.Text {
			i = j
		}
	}
	if i == len(l.refs) {
		l.refs = append(l.refs, ref)
	}
	id := &xast.IdentifierNode{Value: fmt.Sprintf("f%d", i)}
	id.SetLocation(n.Location())
	c := &xast.CallNode{Callee: id}
	c.SetLocation(n.Location())
	return c, nil
}

// Refs implements check.Leaf.
func (l *leaf) Refs() []*fields.Ref { return l.refs }

// Bind implements check.Leaf: the program of one source. It is false when one
// of its fields is absent.
func (l *leaf) Bind(src fields.Source) (func() bool, error) {
	b, err := l.compile(src)
	if err != nil {
		return nil, err
	}
	machine := &vm.VM{MemoryBudget: memoryBudget}
	return func() bool {
		for _, there := range b.there {
			if !there() {
				return false
			}
		}
		out, err := machine.Run(b.program, nil)
		hit, _ := out.(bool)
		return err == nil && hit
	}, nil
}

type boundLeaf struct {
	program *vm.Program
	there   []func() bool
}

// compile makes the program, its functions bound to a source.
func (l *leaf) compile(src fields.Source) (*boundLeaf, error) {
	config := conf.CreateNew()
	config.MaxNodes = maxNodes
	config.Expect = reflect.Bool
	b := &boundLeaf{}
	for i, r := range l.refs {
		g := src.Bind(r)
		if g == nil {
			g = fields.Never()
		}
		name := fmt.Sprintf("f%d", i)
		fn, typ, there := reader(r, g)
		config.Functions[name] = &builtin.Function{Name: name, Func: fn, Types: []reflect.Type{typ}}
		b.there = append(b.there, there)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	tree := &xparser.Tree{Node: l.node, Source: file.NewSource(l.text)}
	if _, err := checker.Check(tree, config); err != nil {
		return nil, err
	}
	p, err := compiler.Compile(tree, config)
	b.program = p
	return b, err
}

// reader makes the function of a field: whole numbers are ints, addresses
// text, lists arrays of text.
func reader(r *fields.Ref, g *fields.Getter) (fn func(...any) (any, error), typ reflect.Type, there func() bool) {
	if r.List() {
		return func(...any) (any, error) { v, _ := g.List(); return v, nil },
			reflect.TypeOf(func() []string { return nil }),
			func() bool { _, ok := g.List(); return ok }
	}
	switch r.Type.Kind {
	case fields.Bool:
		return func(...any) (any, error) { v, _ := g.Num(); return v != 0, nil },
			reflect.TypeOf(func() bool { return false }),
			func() bool { _, ok := g.Num(); return ok }
	case fields.Int, fields.Uint, fields.Port:
		return func(...any) (any, error) { v, _ := g.Num(); return int(v), nil },
			reflect.TypeOf(func() int { return 0 }),
			func() bool { _, ok := g.Num(); return ok }
	case fields.Double:
		return func(...any) (any, error) { v, _ := g.Float(); return v, nil },
			reflect.TypeOf(func() float64 { return 0 }),
			func() bool { _, ok := g.Float(); return ok }
	case fields.String, fields.Bytes:
		return func(...any) (any, error) { v, _ := g.Str(); return v, nil },
			reflect.TypeOf(func() string { return "" }),
			func() bool { _, ok := g.Str(); return ok }
	}
	return func(...any) (any, error) { v, _ := check.Render(r.Type, g); return v, nil },
		reflect.TypeOf(func() string { return "" }),
		func() bool { _, ok := check.Render(r.Type, g); return ok }
}

// constantSource knows no field: programs are checked with it.
type constantSource struct{}

// Bind implements [fields.Source].
func (constantSource) Bind(*fields.Ref) *fields.Getter { return nil }
