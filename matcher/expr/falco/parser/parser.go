package parser

import (
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
)

// Depth limits of nesting: each pair of parentheses takes four levels.
const (
	// RuleDepth is what conditions of rules and macros get.
	RuleDepth = 1000
	// BareDepth is what any other condition gets.
	BareDepth = 100
)

// Parse reads a whole condition. Its error is an [*ast.Error].
func Parse(src *ast.Source, depth int) (n ast.Node, err error) {
	p := &parser{src: src, s: src.Text, max: depth}
	defer p.rescue(&err)
	if p.s == "" {
		p.fail("the condition is empty")
	}
	n = p.or()
	if p.i != len(p.s) {
		p.fail("unexpected text after %s, expected 'or', 'and' or the end", p.before())
	}
	return n, nil
}

// Operand reads the field or transformer at the start of src and says how
// many bytes it took.
func Operand(src *ast.Source) (o ast.Operand, n int, err error) {
	p := &parser{src: src, s: src.Text, max: BareDepth}
	defer p.rescue(&err)
	if f := p.field(); f != nil {
		return f, p.i, nil
	}
	if c := p.call(); c != nil {
		return c, p.i, nil
	}
	p.fail("expected a field or one of the transformers %s", strings.Join(Transformers(), ", "))
	return nil, 0, nil
}

// Transformers lists the names of the transformers, without val.
func Transformers() []string {
	return []string{"tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt"}
}

type parser struct {
	src        *ast.Source
	s          string
	i          int
	depth, max int
	last       int // where the last token began
}

type failure struct{ err *ast.Error }

func (p *parser) rescue(err *error) {
	switch r := recover().(type) {
	case nil:
	case failure:
		*err = r.err
	default:
		panic(r)
	}
}

func (p *parser) fail(format string, args ...any) { p.failAt(p.i, format, args...) }

func (p *parser) failAt(at int, format string, args ...any) {
	panic(failure{ast.Errorf(p.pos(at), format, args...)})
}

func (p *parser) pos(at int) ast.Pos { return ast.Pos{Src: p.src, Off: at} }

func (p *parser) enter() {
	if p.depth++; p.depth >= p.max {
		p.fail("nested too deeply")
	}
}

func (p *parser) leave() { p.depth-- }

// before shows the last token, for a message.
func (p *parser) before() string {
	t := strings.TrimSpace(p.s[p.last:p.i])
	if len(t) > 40 {
		t = t[:40] + "…"
	}
	return "'" + t + "'"
}

func (p *parser) or() ast.Node {
	p.enter()
	defer p.leave()
	p.blank()
	at := p.pos(p.i)
	kids := []ast.Node{p.and()}
	p.blank()
	for p.lit("or") {
		kids = append(kids, p.after("or", p.and))
		p.blank()
	}
	if len(kids) == 1 {
		return kids[0]
	}
	return &ast.Or{At: at, Kids: kids}
}

func (p *parser) and() ast.Node {
	p.enter()
	defer p.leave()
	p.blank()
	at := p.pos(p.i)
	kids := []ast.Node{p.not()}
	p.blank()
	for p.lit("and") {
		kids = append(kids, p.after("and", p.not))
		p.blank()
	}
	if len(kids) == 1 {
		return kids[0]
	}
	return &ast.And{At: at, Kids: kids}
}

// after reads what follows "or" or "and": a group when there is no blank.
func (p *parser) after(word string, next func() ast.Node) ast.Node {
	if p.blank() {
		return next()
	}
	if p.lit("(") {
		return p.group()
	}
	p.fail("expected a blank or '(' after '%s'", word)
	return nil
}

func (p *parser) not() ast.Node {
	p.enter()
	defer p.leave()
	p.blank()
	at := p.pos(p.i)
	not := false
	for strings.HasPrefix(p.s[p.i:], "not") && p.i+3 < len(p.s) && space(p.s[p.i+3]) {
		p.last = p.i
		p.i += 3
		for p.i < len(p.s) && space(p.s[p.i]) {
			p.i++
		}
		not = !not
	}
	var kid ast.Node
	if p.lit("not(") {
		not = !not
		kid = p.group()
	} else {
		kid = p.primary()
	}
	if not {
		return &ast.Not{At: at, Kid: kid}
	}
	return kid
}

// group reads a condition and the parenthesis that closes it.
func (p *parser) group() ast.Node {
	p.enter()
	defer p.leave()
	open := p.i - 1
	n := p.or()
	p.blank()
	if !p.lit(")") {
		if p.i == len(p.s) {
			p.failAt(open, "expected a ')' for this '('")
		}
		p.fail("expected ')', 'and' or 'or' after %s", p.before())
	}
	return n
}

func (p *parser) primary() ast.Node {
	p.enter()
	defer p.leave()
	p.blank()
	if p.lit("(") {
		return p.group()
	}
	at := p.i
	if f := p.field(); f != nil {
		return p.check(f, at)
	}
	if c := p.call(); c != nil {
		return p.check(c, at)
	}
	if name, ok := p.ident(); ok {
		return &ast.Macro{At: p.pos(at), Name: name}
	}
	p.fail("expected a field, a macro or '('")
	return nil
}

// check reads the operator and the value side after left.
func (p *parser) check(left ast.Operand, at int) ast.Node {
	p.enter()
	defer p.leave()
	p.blank()
	c := &ast.Check{At: p.pos(at), Left: left, OpAt: p.pos(p.i)}
	switch {
	case p.lit("exists"):
		c.Op = "exists"
	case p.oneOf(&c.Op, "<=", "<", ">=", ">"):
		c.Right = p.number()
	case p.oneOf(&c.Op, "==", "=", "!="), p.word(&c.Op):
		c.Right = p.scalar(c)
	case p.oneOf(&c.Op, "intersects", "in", "pmatch"):
		c.Right = p.list(true)
	default:
		p.fail("expected an operator after %s: one of %s", p.before(), strings.Join(Operators(), ", "))
	}
	return c
}

// Operators lists the operators, those of words last.
func Operators() []string {
	return append([]string{"=", "==", "!=", "<", "<=", ">", ">=", "in", "intersects", "pmatch", "exists"}, wordOperators()...)
}

func wordOperators() []string {
	return []string{"glob", "iglob", "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "regex"}
}

// word reads an operator that a blank must follow, and the blank.
func (p *parser) word(op *string) bool {
	for _, w := range wordOperators() {
		if strings.HasPrefix(p.s[p.i:], w) && p.i+len(w) < len(p.s) && blank(p.s[p.i+len(w)]) {
			p.last = p.i
			p.i += len(w)
			p.blank()
			*op = w
			return true
		}
	}
	return false
}

// number reads the value side of an ordering.
func (p *parser) number() ast.Right {
	p.enter()
	defer p.leave()
	p.blank()
	if r := p.rfield(); r != nil {
		return r
	}
	at := p.i
	if t, ok := p.num(); ok {
		return one(p.pos(at), t)
	}
	p.fail("expected a number or a field in val(…) or another transformer")
	return nil
}

// scalar reads the value side of an operator that takes one value, or a list
// with a modifier.
func (p *parser) scalar(c *ast.Check) ast.Right {
	p.enter()
	defer p.leave()
	blanks := p.blank() || letter(c.Op[0])
	if blanks {
		save, last := p.i, p.last
		for _, m := range []string{"oneof", "anyof", "allof"} {
			if !strings.HasPrefix(p.s[p.i:], m) {
				continue
			}
			p.last = p.i
			p.i += len(m)
			if p.blank() && p.listFollows() {
				c.Mod = m
				return p.list(false)
			}
			p.i, p.last = save, last
		}
	}
	if r := p.rfield(); r != nil {
		return r
	}
	at := p.i
	if t, ok := p.text(); ok {
		return one(p.pos(at), t)
	}
	p.fail("expected a value after '%s'", c.Op)
	return nil
}

// listFollows says whether a list or a name other than a keyword comes next.
func (p *parser) listFollows() bool {
	rest := p.s[p.i:]
	for _, k := range []string{"and", "or", "not"} {
		if strings.HasPrefix(rest, k) && (len(rest) == len(k) || !letter(rest[len(k)]) && !digit(rest[len(k)])) {
			return false
		}
	}
	return rest != "" && (rest[0] == '(' || letter(rest[0]))
}

// list reads a list in parentheses, a name or, where fields may stand, those.
func (p *parser) list(fields bool) ast.Right {
	p.enter()
	defer p.leave()
	p.blank()
	at := p.i
	if p.lit("(") {
		v := &ast.Values{At: p.pos(at), List: true}
		p.blank()
		if p.lit(")") {
			return v
		}
		for {
			p.blank()
			item := p.i
			t, ok := p.text()
			if !ok {
				p.fail("expected a value in the list")
			}
			v.Items = append(v.Items, ast.Value{At: p.pos(item), Text: t})
			p.blank()
			if p.lit(")") {
				return v
			}
			if !p.lit(",") {
				if p.i == len(p.s) {
					p.failAt(at, "expected a ')' for this '('")
				}
				p.fail("expected ',' or ')' after %s", p.before())
			}
		}
	}
	if fields {
		if r := p.rfield(); r != nil {
			return r
		}
	}
	if name, ok := p.ident(); ok {
		return one(p.pos(at), name)
	}
	p.fail("expected a list in parentheses or the name of one")
	return nil
}

func one(at ast.Pos, text string) ast.Right {
	return &ast.Values{At: at, Items: []ast.Value{{At: at, Text: text}}}
}

// rfield reads a field on the value side, or returns nil.
func (p *parser) rfield() ast.Right {
	if p.lit("val(") {
		p.blank()
		f := p.field()
		if f == nil {
			p.fail("expected a field in val(…)")
		}
		p.blank()
		if !p.lit(")") {
			p.fail("expected ')' after the field: val(…) takes one")
		}
		if p.i < len(p.s) && p.s[p.i] == '[' {
			p.fail("val(…) takes no argument in brackets")
		}
		return f
	}
	if c := p.call(); c != nil {
		return c
	}
	return nil
}
