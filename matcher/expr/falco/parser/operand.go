package parser

import (
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
)

// field reads a field with its argument, or returns nil.
func (p *parser) field() *ast.Field {
	i := p.i
	for dots := 0; ; dots++ {
		n := identLen(p.s[i:])
		if n == 0 {
			if dots < 2 {
				return nil
			}
			i-- // the dot before belongs to what follows
			break
		}
		i += n
		if i >= len(p.s) || p.s[i] != '.' {
			if dots == 0 {
				return nil
			}
			break
		}
		i++
	}
	f := &ast.Field{At: p.pos(p.i), Name: p.s[p.i:i]}
	p.last = p.i
	p.i = i
	f.Arg, f.HasArg = p.bracket()
	return f
}

// call reads a transformer, or returns nil.
func (p *parser) call() *ast.Call {
	at := p.i
	for _, t := range Transformers() {
		if strings.HasPrefix(p.s[p.i:], t) && p.i+len(t) < len(p.s) && p.s[p.i+len(t)] == '(' {
			p.last = p.i
			p.i += len(t) + 1
			return p.callRest(t, at)
		}
	}
	return nil
}

func (p *parser) callRest(name string, at int) *ast.Call {
	p.enter()
	defer p.leave()
	c := &ast.Call{At: p.pos(at), Name: name}
	for {
		p.blank()
		c.Args = append(c.Args, p.arg())
		p.blank()
		if !p.lit(",") {
			break
		}
	}
	if !p.lit(")") {
		p.fail("expected ')' or ',' in the arguments of %s", name)
	}
	c.Sel, c.HasSel = p.bracket()
	return c
}

func (p *parser) arg() ast.Operand {
	p.enter()
	defer p.leave()
	at := p.i
	if p.lit("(") {
		return p.tuple(at)
	}
	if o := p.argItem(); o != nil {
		return o
	}
	p.fail("expected a field, a transformer, a quoted text, a number or a list in parentheses")
	return nil
}

func (p *parser) argItem() ast.Operand {
	at := p.i
	if t, ok := p.num(); ok {
		return &ast.Literal{At: p.pos(at), Text: t}
	}
	if t, ok := p.quoted(); ok {
		return &ast.Literal{At: p.pos(at), Text: t}
	}
	if c := p.call(); c != nil {
		return c
	}
	if f := p.field(); f != nil {
		return f
	}
	return nil
}

func (p *parser) tuple(at int) ast.Operand {
	t := &ast.Tuple{At: p.pos(at)}
	p.blank()
	if p.lit(")") {
		return t
	}
	for {
		p.blank()
		o := p.argItem()
		if o == nil {
			p.fail("expected a field, a transformer, a quoted text or a number in the list")
		}
		t.Items = append(t.Items, o)
		p.blank()
		if p.lit(")") {
			return t
		}
		if !p.lit(",") {
			p.fail("expected ',' or ')' in the list")
		}
	}
}

// bracket reads an argument in brackets that follows without a blank.
func (p *parser) bracket() (string, bool) {
	if !p.lit("[") {
		return "", false
	}
	t, ok := p.quoted()
	if !ok {
		i := p.i
		for i < len(p.s) && !strings.ContainsRune("[]\"'", rune(p.s[i])) && !space(p.s[i]) {
			i++
		}
		if i == p.i {
			p.fail("expected an argument between the brackets, quoted or without blanks")
		}
		t, p.i = p.s[p.i:i], i
	}
	if !p.lit("]") {
		p.fail("expected ']' after the argument")
	}
	return t, true
}
