package exprlang

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	xast "github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	xparser "github.com/expr-lang/expr/parser"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// maxNodes bounds the size of an expression.
const maxNodes = 2000

// maxText bounds the length of an expression in bytes.
const maxText = 64 << 10

// Parse turns an expression into a condition. lists gives the values of the
// lists that it may name. Its error is an [*ast.Error].
func Parse(src *ast.Source, table *fields.Table, lists func(string) ([]string, bool)) (ast.Node, error) {
	t := &translator{src: src, table: table, lists: lists}
	if len(src.Text) > maxText {
		return nil, t.errorf(0, "the expression is longer than %d bytes", maxText)
	}
	if !utf8.ValidString(src.Text) {
		return nil, t.errorf(0, "the expression is not valid UTF-8")
	}
	config := conf.CreateNew()
	config.MaxNodes = maxNodes
	tree, err := xparser.ParseWithConfig(src.Text, config)
	if err != nil {
		return nil, t.placed(err)
	}
	return t.condition(tree.Node)
}

type translator struct {
	src   *ast.Source
	table *fields.Table
	lists func(string) ([]string, bool)
}

// errorf makes an error at a character of the expression.
func (t *translator) errorf(char int, format string, args ...any) *ast.Error {
	return ast.Errorf(t.pos(char), format, args...)
}

// pos turns a position in characters, which expr counts, into one in bytes.
func (t *translator) pos(char int) ast.Pos {
	off := 0
	for range char {
		if off >= len(t.src.Text) {
			break
		}
		_, n := utf8.DecodeRuneInString(t.src.Text[off:])
		off += n
	}
	return ast.Pos{Src: t.src, Off: off}
}

func (t *translator) at(n xast.Node) ast.Pos { return t.pos(n.Location().From) }

// placed turns an error of expr into one with a place.
func (t *translator) placed(err error) error {
	var e *file.Error
	if errors.As(err, &e) {
		return t.errorf(e.From, "%s", e.Message)
	}
	return t.errorf(0, "%v", err)
}

// condition translates what must be true or false.
func (t *translator) condition(n xast.Node) (ast.Node, error) {
	switch n := n.(type) {
	case *xast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			kid, err := t.condition(n.Node)
			return &ast.Not{At: t.at(n), Kid: kid}, err
		}
	case *xast.BinaryNode:
		switch n.Operator {
		case "&&", "and":
			kids, err := t.both(n)
			return &ast.And{At: t.at(n), Kids: kids}, err
		case "||", "or":
			kids, err := t.both(n)
			return &ast.Or{At: t.at(n), Kids: kids}, err
		}
	case *xast.IdentifierNode:
		return &ast.Macro{At: t.at(n), Name: n.Value}, nil
	case *xast.BoolNode:
		// As conditions have no constants, an empty conjunction is true and an
		// empty disjunction false.
		if n.Value {
			return &ast.And{At: t.at(n)}, nil
		}
		return &ast.Or{At: t.at(n)}, nil
	}
	if c, err := t.check(n); c != nil || err != nil {
		return c, err
	}
	return t.leaf(n)
}

func (t *translator) both(n *xast.BinaryNode) ([]ast.Node, error) {
	l, err := t.condition(n.Left)
	if err != nil {
		return nil, err
	}
	r, err := t.condition(n.Right)
	return []ast.Node{l, r}, err
}

// check translates a comparison that Falco's language has; nil when it has
// none like it.
func (t *translator) check(n xast.Node) (ast.Node, error) {
	switch n := n.(type) {
	case *xast.BinaryNode:
		return t.comparison(n)
	case *xast.CallNode:
		return t.function(n)
	}
	f, err := t.operand(n)
	if f == nil || err != nil {
		return nil, err
	}
	return &ast.Check{At: t.at(n), Left: f, Op: "=", OpAt: t.at(n), Right: t.constant(n, "true")}, nil
}

// comparison translates a binary operator.
func (t *translator) comparison(n *xast.BinaryNode) (ast.Node, error) {
	op, ok := map[string]string{
		"==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
		"in": "in", "contains": "contains", "startsWith": "startswith", "endsWith": "endswith", "matches": "matches",
	}[n.Operator]
	if !ok {
		return nil, nil
	}
	left, right := n.Left, n.Right
	f, err := t.operand(left)
	if err != nil {
		return nil, err
	}
	if turned := map[string]string{"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}[op]; f == nil && turned != "" {
		if g, err := t.operand(right); err != nil {
			return nil, err
		} else if g != nil {
			f, op, left, right = g, turned, right, left
		}
	}
	if f == nil {
		return nil, nil
	}
	c := &ast.Check{At: t.at(left), Left: f, Op: op, OpAt: t.at(n)}
	if op == "matches" {
		return nil, t.constantPattern(right)
	}
	if text, ok := literal(right); ok {
		c.Right = t.constant(right, text)
		return c, nil
	}
	if op == "in" {
		c.Right, err = t.items(right)
		return c, err
	}
	g, err := t.operand(right)
	if err != nil || g == nil {
		return nil, err
	}
	if r, ok := g.(ast.Right); ok {
		c.Right = r
		return c, nil
	}
	return nil, nil
}

// constantPattern refuses patterns that are made at run time.
func (t *translator) constantPattern(n xast.Node) error {
	s, ok := n.(*xast.StringNode)
	if !ok {
		return t.errorf(root(n), "the pattern of 'matches' must be a constant")
	}
	if _, err := regexp.Compile(s.Value); err != nil {
		return t.errorf(n.Location().From, "%v", err)
	}
	return nil
}

// items are the values after in: an array of constants or the name of a list.
func (t *translator) items(n xast.Node) (ast.Right, error) {
	v := &ast.Values{At: t.at(n), List: true}
	switch n := n.(type) {
	case *xast.IdentifierNode:
		list, ok := t.lists(n.Value)
		if !ok {
			return nil, t.errorf(n.Location().From, "there is no list '%s'", n.Value)
		}
		for _, s := range list {
			v.Items = append(v.Items, ast.Value{At: t.at(n), Text: s})
		}
		return v, nil
	case *xast.ArrayNode:
		for _, k := range n.Nodes {
			s, ok := literal(k)
			if !ok {
				return nil, t.errorf(root(k), "the values after 'in' must be constants")
			}
			v.Items = append(v.Items, ast.Value{At: t.at(k), Text: s})
		}
		return v, nil
	}
	return nil, t.errorf(n.Location().From, "expected an array of constants or the name of a list after 'in'")
}

func (t *translator) constant(n xast.Node, text string) ast.Right {
	return &ast.Values{At: t.at(n), Items: []ast.Value{{At: t.at(n), Text: text}}}
}

// literal is the text of a constant.
func literal(n xast.Node) (string, bool) {
	switch n := n.(type) {
	case *xast.StringNode:
		return n.Value, true
	case *xast.IntegerNode:
		return strconv.Itoa(n.Value), true
	case *xast.BoolNode:
		return strconv.FormatBool(n.Value), true
	case *xast.UnaryNode:
		if s, ok := literal(n.Node); ok && n.Operator == "-" {
			return "-" + s, true
		}
	}
	return "", false
}

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

// function translates a call of one of the functions that conditions have.
func (t *translator) function(n *xast.CallNode) (ast.Node, error) {
	id, ok := n.Callee.(*xast.IdentifierNode)
	if !ok {
		return nil, t.errorf(n.Location().From, "only functions can be called")
	}
	switch id.Value {
	case "ancestor":
		v, err := t.texts(n.Arguments)
		if err != nil {
			return nil, err
		}
		v.At = t.at(n)
		return &ast.Check{At: t.at(n), Left: &ast.Field{At: t.at(n), Name: "proc.aname"}, Op: "in", OpAt: t.at(n), Right: v}, nil
	case "basename", "b64":
		return nil, nil
	case "exists", "glob", "iglob", "icontains", "regex", "pmatch", "cidr", "intersects":
	default:
		return nil, t.errorf(id.Location().From, "there is no function '%s' here; expected one of exists, glob, iglob, icontains, regex, pmatch, intersects, cidr, ancestor, basename, b64", id.Value)
	}
	if len(n.Arguments) == 0 {
		return nil, t.errorf(n.Location().From, "%s takes a field first", id.Value)
	}
	f, err := t.operand(n.Arguments[0])
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, t.errorf(n.Arguments[0].Location().From, "the first argument of %s must be a field", id.Value)
	}
	c := &ast.Check{At: t.at(n), Left: f, Op: id.Value, OpAt: t.at(id)}
	if id.Value == "exists" {
		if len(n.Arguments) > 1 {
			return nil, t.errorf(n.Arguments[1].Location().From, "exists takes one field")
		}
		return c, nil
	}
	v, err := t.texts(n.Arguments[1:])
	if err != nil {
		return nil, err
	}
	if len(v.Items) == 0 {
		return nil, t.errorf(n.Location().From, "%s takes constants after the field", id.Value)
	}
	v.At = t.at(n.Arguments[1])
	c.Right = v
	switch id.Value {
	case "cidr":
		return t.cidr(c)
	case "pmatch", "intersects":
		return c, nil
	}
	if len(v.Items) > 1 {
		c.Mod = "anyof"
	} else {
		v.List = false
	}
	return c, nil
}

// cidr compares an address with networks, by the field that does.
func (t *translator) cidr(c *ast.Check) (ast.Node, error) {
	f, ok := c.Left.(*ast.Field)
	if ok {
		ok = strings.HasPrefix(f.Name, "fd.") && strings.HasSuffix(f.Name, "ip")
	}
	if !ok {
		return nil, &ast.Error{At: c.Left.Where(), Msg: "the first argument of cidr must be one of fd.ip, fd.cip, fd.sip, fd.lip, fd.rip"}
	}
	f.Name = strings.TrimSuffix(f.Name, "ip") + "net"
	c.Op = "in"
	return c, nil
}

// texts are constants, given one by one or in arrays.
func (t *translator) texts(args []xast.Node) (*ast.Values, error) {
	v := &ast.Values{List: true}
	for _, a := range args {
		if arr, ok := a.(*xast.ArrayNode); ok {
			more, err := t.texts(arr.Nodes)
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, more.Items...)
			continue
		}
		if id, ok := a.(*xast.IdentifierNode); ok {
			list, err := t.items(id)
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, list.(*ast.Values).Items...)
			continue
		}
		s, ok := literal(a)
		if !ok {
			return nil, t.errorf(a.Location().From, "expected a constant")
		}
		v.Items = append(v.Items, ast.Value{At: t.at(a), Text: s})
	}
	return v, nil
}

// describe names a kind of node for a message.
func describe(n xast.Node) string {
	switch n.(type) {
	case *xast.VariableDeclaratorNode:
		return "let"
	case *xast.PredicateNode, *xast.PointerNode:
		return "a predicate"
	case *xast.SliceNode:
		return "a slice"
	case *xast.MapNode, *xast.PairNode:
		return "a map"
	case *xast.ChainNode:
		return "?."
	}
	return strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", n), "*ast."), "Node"))
}
