package expr

import (
	"fmt"
	"reflect"
	"strconv"

	xast "github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// atoms compiles conditions into programs whose comparisons are functions
// bound to one view of events. A comparison that occurs again is the same
// function; what several rules ask of one event is remembered, and what is asked
// of a text as long as the text is.
type atoms struct {
	src    *fields.Event
	shared *shared
	config *conf.Config
	names  map[string]string // from a test's key
	tests  map[string]func() bool
	memo   map[use]func() bool
	// columns are of the text fields, by name.
	columns map[string]*column
	err     error // of the last test that could not be bound
}

func newAtoms(src *fields.Event) *atoms {
	c := conf.CreateNew()
	c.MaxNodes = 0 // as many as the largest rule has
	c.Expect = reflect.Bool
	return &atoms{src: src, shared: newShared(), config: c, names: map[string]string{}, tests: map[string]func() bool{}, memo: map[use]func() bool{}, columns: map[string]*column{}}
}

// program is a compiled condition: fast when its tree has a form that does
// without the machine, else machine code.
type program struct {
	fast    func() bool
	machine *vm.Program
}

func (p *program) empty() bool { return p.fast == nil && p.machine == nil }

// compile makes the program of a condition for an event type, "" for all.
// text is for messages. With machineOnly it does without the fast form.
func (a *atoms) compile(n check.Node, eventType, text string, machineOnly bool) (program, error) {
	tree := &parser.Tree{Node: a.node(n), Source: file.NewSource(text)}
	if a.err != nil {
		return program{}, a.err
	}
	if _, err := checker.Check(tree, a.config); err != nil {
		return program{}, fmt.Errorf("checking the program: %w", err)
	}
	if !machineOnly {
		if f := a.closure(tree.Node, n, eventType); f != nil {
			return program{fast: f}, nil
		}
	}
	p, err := compiler.Compile(tree, a.config)
	if err != nil {
		return program{}, fmt.Errorf("compiling the program: %w", err)
	}
	return program{machine: p}, nil
}

// node turns a condition into expr's tree.
func (a *atoms) node(n check.Node) xast.Node {
	fold := func(op string, empty bool, kids []check.Node) xast.Node {
		var out xast.Node
		for _, k := range kids {
			if x := a.node(k); out == nil {
				out = x
			} else {
				out = &xast.BinaryNode{Operator: op, Left: out, Right: x}
			}
		}
		if out == nil {
			return &xast.BoolNode{Value: empty}
		}
		return out
	}
	switch n := n.(type) {
	case *check.And:
		return fold("&&", true, n.Kids)
	case *check.Or:
		return fold("||", false, n.Kids)
	case *check.Not:
		return &xast.UnaryNode{Operator: "!", Node: a.node(n.Kid)}
	case *check.Test:
		return &xast.CallNode{Callee: &xast.IdentifierNode{Value: a.atom(n)}}
	}
	return &xast.BoolNode{}
}

// atom returns the name of the function of a test.
func (a *atoms) atom(t *check.Test) string {
	if name, ok := a.names[t.Key]; ok {
		return name
	}
	name := "a" + strconv.Itoa(len(a.names))
	a.names[t.Key] = name
	test, err := t.Bind(a.src)
	if err != nil {
		a.err = err
		test = func() bool { return false }
	}
	if ref, ok := t.About(); ok && ref.Type.Kind == fields.String {
		test = a.column(ref).remembered(test)
	}
	a.tests[name] = test
	a.config.Functions[name] = &builtin.Function{
		Name:  name,
		Func:  func(...any) (any, error) { return test(), nil },
		Types: []reflect.Type{reflect.TypeOf(func() bool { return false })},
	}
	return name
}
