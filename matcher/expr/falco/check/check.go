package check

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/parser"
)

// Node is a compiled condition: [*And], [*Or], [*Not] or [*Test].
type Node interface{ compiled() }

// And is true when all its kids are.
type And struct{ Kids []Node }

// Or is true when one of its kids is.
type Or struct{ Kids []Node }

// Not inverts its kid.
type Not struct{ Kid Node }

// Test is one comparison, or a part in another language.
type Test struct {
	At ast.Pos
	// Key is the canonical text: tests with the same key are the same.
	Key   string
	expr  *ast.Check
	left  *operand
	right *operand
	pred  *predicate
	leaf  Leaf
}

// Leaf is a part of a condition in another language.
type Leaf interface {
	// Refs lists the fields that it looks at.
	Refs() []*fields.Ref
	// Bind makes the test of a worker, as [Test.Bind] does.
	Bind(src fields.Source) (func() bool, error)
}

func (*And) compiled()  {}
func (*Or) compiled()   {}
func (*Not) compiled()  {}
func (*Test) compiled() {}

// Warning is something that is allowed and probably a mistake.
type Warning struct {
	At  ast.Pos
	Msg string
}

// Compile checks a condition without macros. Its error is an [*ast.Error].
func Compile(n ast.Node, t *fields.Table) (Node, []Warning, error) {
	c := &compiler{table: t}
	out, err := c.node(n)
	return out, c.warnings, err
}

type compiler struct {
	table    *fields.Table
	warnings []Warning
}

func (c *compiler) warn(at ast.Pos, format string, args ...any) {
	c.warnings = append(c.warnings, Warning{at, fmt.Sprintf(format, args...)})
}

func (c *compiler) node(n ast.Node) (Node, error) {
	kids := func(in []ast.Node) ([]Node, error) {
		out := make([]Node, 0, len(in))
		for _, k := range in {
			n, err := c.node(k)
			if err != nil {
				return nil, err
			}
			out = append(out, n)
		}
		return out, nil
	}
	switch n := n.(type) {
	case *ast.And:
		ks, err := kids(n.Kids)
		return &And{ks}, err
	case *ast.Or:
		ks, err := kids(n.Kids)
		return &Or{ks}, err
	case *ast.Not:
		k, err := c.node(n.Kid)
		return &Not{k}, err
	case *ast.Check:
		return c.test(n)
	case *ast.Foreign:
		if leaf, ok := n.Impl.(Leaf); ok {
			return &Test{At: n.At, Key: "expr " + n.Text, leaf: leaf}, nil
		}
	case *ast.Macro:
		return nil, ast.Errorf(n.At, "the macro '%s' is not defined", n.Name)
	}
	return nil, ast.Errorf(n.Where(), "this cannot stand here")
}

func (c *compiler) test(n *ast.Check) (Node, error) {
	left, err := c.operand(n.Left)
	if err != nil {
		return nil, err
	}
	t := &Test{At: n.At, Key: ast.Print(n), expr: n, left: left}
	if err := c.operator(n, left); err != nil {
		return nil, err
	}
	switch r := n.Right.(type) {
	case nil:
	case *ast.Values:
		if t.pred, err = c.values(n, left, r); err != nil {
			return nil, err
		}
		for _, v := range r.Items {
			c.suspicious(n, v)
		}
	case ast.Operand:
		if t.right, err = c.operand(r); err != nil {
			return nil, err
		}
		if err := comparable(n, left, t.right, r.Where()); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// comparable checks a field on the value side.
func comparable(n *ast.Check, left, right *operand, at ast.Pos) error {
	switch {
	case n.Op == "pmatch" || n.Op == "regex":
		return ast.Errorf(at, "the operator %s takes constants, no fields", n.Op)
	case left.typ.Kind == fields.Net:
		return ast.Errorf(at, "networks are compared with constants, not with fields")
	case left.has(fields.NoRight):
		return ast.Errorf(n.At, "%s cannot be compared with another field", left.text)
	case right.has(fields.NoRight):
		return ast.Errorf(at, "%s cannot stand on the value side", right.text)
	case left.typ.Name != right.typ.Name || left.list != right.list:
		return ast.Errorf(at, "%s is of type %s and %s of type %s: they cannot be compared", left.text, left.typeName(), right.text, right.typeName())
	}
	return nil
}

// operator checks that the type of the field has the operator.
func (c *compiler) operator(n *ast.Check, l *operand) error {
	fail := func(what string) error {
		op := n.Op
		if n.Mod != "" {
			op += " " + n.Mod
		}
		return ast.Errorf(n.OpAt, "the operator %s does not work on %s, which %s; expected one of %s",
			op, l.text, what, strings.Join(operatorsFor(l), ", "))
	}
	if l.ref != nil && l.ref.Def.Name == "evt.around" && n.Op != "=" && n.Op != "==" {
		return ast.Errorf(n.OpAt, "evt.around only has the operator =")
	}
	if l.has(fields.PrintOnly) {
		return ast.Errorf(n.At, "%s can only be printed", l.text)
	}
	if n.Op == "exists" {
		return nil
	}
	if l.typ.Kind == fields.None {
		return ast.Errorf(n.At, "%s is of a type that cannot be compared", l.text)
	}
	for _, op := range operatorsFor(l) {
		if op == n.Op {
			if n.Mod != "" && l.list {
				return fail("is a list")
			}
			return nil
		}
	}
	if l.list {
		return fail("is a list")
	}
	return fail("is of type " + l.typ.Name)
}

// operatorsFor lists the operators that work on an operand.
func operatorsFor(l *operand) []string {
	if l.list {
		return []string{"in", "intersects", "exists"}
	}
	base := []string{"=", "==", "!=", "in", "intersects", "exists"}
	switch l.typ.Kind {
	case fields.String:
		return append(base, "<", "<=", ">", ">=", "contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex", "pmatch")
	case fields.Bytes:
		return append(base, "contains", "startswith", "endswith", "bcontains", "bstartswith")
	case fields.Int, fields.Uint, fields.Double, fields.Port:
		return append(base, "<", "<=", ">", ">=")
	}
	return base
}

// field resolves a field, its error placed.
func (c *compiler) field(f *ast.Field) (*fields.Ref, error) {
	r, err := c.table.Resolve(f.Name, f.Arg, f.HasArg)
	if err != nil {
		e := ast.Errorf(f.At, "%s%s", err.Error(), c.similar(f.Name))
		var unknown *fields.UnknownError
		e.Unknown = errors.As(err, &unknown)
		return nil, e
	}
	return r, nil
}

// similar suggests a field of nearly the same name.
func (c *compiler) similar(name string) string {
	best, dist := "", 3
	for _, d := range c.table.All() {
		if n := distance(name, d.Name, dist); n < dist {
			best, dist = d.Name, n
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance counts the edits between two names, up to limit.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost++
			}
			diag = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// suspicious warns of constants that look like something else.
func (c *compiler) suspicious(n *ast.Check, v ast.Value) {
	if n.Op == "regex" && simpleRegex(v.Text) {
		c.warn(v.At, "the regular expression '%s' is slower than one of the operators =, contains, startswith, endswith, which can say the same", v.Text)
	}
	bare := strings.Join(strings.Fields(v.Text), "")
	src := ast.Plain(bare)
	if o, size, err := parser.Operand(src); err == nil && size == len(bare) {
		if f, ok := o.(*ast.Field); ok {
			if _, err := c.table.Resolve(f.Name, f.Arg, f.HasArg); err == nil {
				c.warn(v.At, "'%s' is compared as text; if the field of that name is meant, write val(%s)", v.Text, bare)
				return
			}
		}
	}
	for _, t := range append(parser.Transformers(), "val") {
		if len(bare) >= len(t)+2 && strings.HasPrefix(bare, t+"(") && strings.HasSuffix(bare, ")") {
			c.warn(v.At, "'%s' is compared as text; if the transformer is meant, write it without quotes and blanks", v.Text)
			return
		}
	}
}

// simpleRegex says whether an expression only has wildcards at its ends.
func simpleRegex(v string) bool {
	for i := 0; i < len(v); i++ {
		if i == 0 && v[i] == '^' || i == len(v)-1 && v[i] == '$' {
			continue
		}
		if v[i] == '.' && i+1 < len(v) && (i == 0 || i == len(v)-2) && strings.IndexByte("+*?", v[i+1]) >= 0 {
			i++
			continue
		}
		if strings.IndexByte(`.+*?^$()[]{}|\`, v[i]) >= 0 {
			return false
		}
	}
	return true
}
