package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/output"
)

// plain is how expr is used without further thought: an environment that is a
// map with the value of every field that some rule looks at, and one program a
// rule. What expr has no operator for is a function, which is ours.
type plain struct {
	tb       testing.TB
	event    *fields.Event
	table    *fields.Table
	reads    map[string]func() any
	calls    map[string]any
	programs []*vm.Program
}

func newPlain(tb testing.TB, prog *Program) *plain {
	p := &plain{tb: tb, event: fields.NewEvent(), table: fields.NewTable(nil), reads: map[string]func() any{}, calls: map[string]any{}}

	texts := make([]string, len(prog.loaded))
	for i, r := range prog.loaded {
		texts[i] = p.text(r.Resolved)
	}
	for _, t := range texts {
		c, err := expr.Compile(t, expr.Env(p.calls), expr.AllowUndefinedVariables(), expr.AsBool(), expr.MaxNodes(0))
		if err != nil {
			tb.Fatalf("%v\n%s", err, t)
		}
		p.programs = append(p.programs, c)
	}
	return p
}

func (p *plain) environment() map[string]any {
	env := make(map[string]any, len(p.reads)+len(p.calls))
	for name, read := range p.reads {
		env[name] = read()
	}
	for name, f := range p.calls {
		env[name] = f
	}
	return env
}

func (p *plain) way(tb testing.TB, events []*matcher.Event, index [][]int) func() int {
	var machine vm.VM
	return func() (found int) {
		for i, ev := range events {
			if !p.event.Set(ev.Record) {
				continue
			}
			env := p.environment()
			for _, k := range index[i] {
				out, err := machine.Run(p.programs[k], env)
				if err != nil {
					tb.Fatal(err)
				}
				if hit, _ := out.(bool); hit {
					found++
				}
			}
		}
		return found
	}
}

// text writes a condition in expr's language.
func (p *plain) text(n ast.Node) string {
	join := func(kids []ast.Node, op string) string {
		out := make([]string, len(kids))
		for i, k := range kids {
			out[i] = p.text(k)
		}
		return "(" + strings.Join(out, op) + ")"
	}
	switch n := n.(type) {
	case *ast.And:
		return join(n.Kids, " && ")
	case *ast.Or:
		return join(n.Kids, " || ")
	case *ast.Not:
		return "!(" + p.text(n.Kid) + ")"
	case *ast.Check:
		if t := p.check(n); t != "" {
			return t
		}
		return p.call(n)
	}
	p.tb.Fatalf("a %T in a condition", n)
	return ""
}

// check writes a comparison with expr's operators, "" when there is none.
func (p *plain) check(c *ast.Check) string {
	f, ok := c.Left.(*ast.Field)
	v, has := c.Right.(*ast.Values)
	if !ok || !has || c.Mod != "" {
		return ""
	}
	ref, err := p.table.Resolve(f.Name, f.Arg, f.HasArg)
	if err != nil || ref.Several() || ref.List() || ref.Def.Has(fields.FilterOnly) || ref.Type.Kind != fields.String && !ref.Type.Number() || strings.HasPrefix(f.Name, "evt.") && f.Name != "evt.type" {
		return ""
	}
	items := make([]string, len(v.Items))
	for i, x := range v.Items {
		items[i] = strconv.Quote(x.Text)
		if ref.Type.Number() {
			if _, err := strconv.ParseInt(x.Text, 10, 64); err != nil {
				return ""
			}
			items[i] = x.Text
		}
	}
	op := map[string]string{
		"=": "==", "==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "contains": "contains",
		"startswith": "startsWith", "endswith": "endsWith", "in": "in",
	}[c.Op]
	if op == "" || op != "in" && len(items) != 1 {
		return ""
	}
	name := "f_" + strings.Map(func(r rune) rune {
		if strings.ContainsRune(".[]", r) {
			return '_'
		}
		return r
	}, ref.Text)
	if strings.ContainsAny(name, "-/ ") {
		return ""
	}
	if _, ok := p.reads[name]; !ok {
		o := check.FieldOperand(ref)
		p.reads[name] = output.Any(o, o.Bind(p.event))
	}
	if op == "in" {
		return fmt.Sprintf("(%s != nil && %s in [%s])", name, name, strings.Join(slices.Compact(items), ", "))
	}
	return fmt.Sprintf("(%s != nil && %s %s %s)", name, name, op, items[0])
}

// call makes a function of a comparison.
func (p *plain) call(c *ast.Check) string {
	n, _, err := check.Compile(c, p.table)
	if err != nil {
		p.tb.Fatal(err)
	}
	prog, err := newAtoms(p.event).compile(n, "", "", false)
	if err != nil || prog.fast == nil {
		p.tb.Fatalf("no function for a comparison: %v", err)
	}
	name := fmt.Sprintf("c_%d", len(p.calls))
	p.calls[name] = prog.fast
	return name + "()"
}
