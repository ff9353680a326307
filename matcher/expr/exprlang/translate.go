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
