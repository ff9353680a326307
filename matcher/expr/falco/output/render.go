package output

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// Line renders a format for one worker.
type Line struct {
	parts  []part
	values []value
}

type part struct {
	text  string
	read  func() (string, bool)
	width int
}

type value struct {
	name string
	any  func() any
	text func() (string, bool)
}

// Bind makes the renderer of a worker.
func (f *Format) Bind(src fields.Source) *Line {
	l := &Line{}
	seen := map[string]bool{}
	add := func(name string, op check.Operand) {
		if seen[name] {
			return
		}
		seen[name] = true
		g := op.Bind(src)
		l.values = append(l.values, value{name, Any(op, g), Text(op, g)})
	}
	for _, p := range f.pieces {
		if p.op == nil {
			l.parts = append(l.parts, part{text: p.text})
			continue
		}
		l.parts = append(l.parts, part{read: Text(*p.op, p.op.Bind(src)), width: p.width})
		for _, r := range p.op.Refs() {
			add(r.Text, check.FieldOperand(r))
		}
		for _, c := range p.op.Calls() {
			add(c.Text(), c)
		}
	}
	return l
}

// String renders the current event.
func (l *Line) String() string { return string(l.Append(make([]byte, 0, 512))) }

// Append appends what String returns.
func (l *Line) Append(b []byte) []byte {
	for _, p := range l.parts {
		if p.read == nil {
			b = append(b, p.text...)
			continue
		}
		s, ok := p.read()
		if !ok {
			s = Absent
		}
		s = Clean(s)
		if p.width > 0 {
			if n := p.width - len(s); n > 0 {
				s += strings.Repeat(" ", n)
			} else {
				s = s[:p.width]
			}
		}
		b = append(b, s...)
	}
	return b
}

// Values returns what was printed, by canonical name; nil for what is absent.
func (l *Line) Values() map[string]any {
	m := make(map[string]any, len(l.values))
	for _, v := range l.values {
		m[v.name] = v.any()
	}
	return m
}

// Texts is Values as text, [Absent] for what is absent.
func (l *Line) Texts() map[string]string {
	m := make(map[string]string, len(l.values))
	for _, v := range l.values {
		s, ok := v.text()
		if !ok {
			s = Absent
		}
		m[v.name] = s
	}
	return m
}

// Text returns how to show an operand.
func Text(op check.Operand, g *fields.Getter) func() (string, bool) {
	r := op.Ref()
	switch {
	case op.List():
		return func() (string, bool) {
			l, ok := g.List()
			return "(" + strings.Join(l, ",") + ")", ok
		}
	case r != nil && r.Several() && g.Num == nil && g.N != nil:
		return func() (string, bool) { return several(r, g) }
	case r != nil && r.Def.Has(fields.Hex):
		return func() (string, bool) {
			n, ok := g.Num()
			return strings.ToUpper(strconv.FormatInt(n, 16)), ok
		}
	case r != nil && r.Def.Has(fields.Padded):
		return func() (string, bool) {
			n, ok := g.Num()
			return fmt.Sprintf("%09d", n), ok
		}
	}
	t := op.Type()
	return func() (string, bool) { return check.Render(t, g) }
}

// several shows all values of a field that stands for many.
func several(r *fields.Ref, g *fields.Getter) (string, bool) {
	var out []string
	for i := range g.N() {
		switch {
		case g.StrAt != nil:
			if s, ok := g.StrAt(i); ok {
				out = append(out, s)
			}
		case g.NumAt != nil:
			if n, ok := g.NumAt(i); ok {
				out = append(out, strconv.FormatInt(n, 10))
			}
		case g.IPAt != nil:
			if a, ok := g.IPAt(i); ok {
				out = append(out, a.String())
			}
		}
	}
	return strings.Join(out, " "), len(out) > 0
}

// Any returns how to read an operand as a value for JSON.
func Any(op check.Operand, g *fields.Getter) func() any {
	text := Text(op, g)
	r := op.Ref()
	kind := op.Type().Kind
	if op.List() || kind == fields.String || kind == fields.Bytes || kind == fields.IP || kind == fields.Net ||
		kind == fields.None || r != nil && (r.Several() && g.Num == nil || r.Def.Has(fields.Hex)) {
		return func() any {
			if s, ok := text(); ok {
				return s
			}
			return nil
		}
	}
	switch kind {
	case fields.Bool:
		return func() any {
			if n, ok := g.Num(); ok {
				return n != 0
			}
			return nil
		}
	case fields.Double:
		return func() any {
			if n, ok := g.Float(); ok {
				return n
			}
			return nil
		}
	case fields.Uint, fields.Port:
		return func() any {
			if n, ok := g.Num(); ok {
				return uint64(n)
			}
			return nil
		}
	}
	return func() any {
		if n, ok := g.Num(); ok {
			return n
		}
		return nil
	}
}

// unclean says whether a character is not shown as it is.
func unclean(c rune) bool {
	return c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' || c == utf8.RuneError || bidi(c)
}

// Clean makes text that a traced process controls safe to print on one line:
// control characters are escaped as in JSON, broken UTF-8 is replaced.
func Clean(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f
	}
	if plain || !strings.ContainsFunc(s, unclean) {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\b':
			b.WriteString(`\b`)
		case c == '\f':
			b.WriteString(`\f`)
		case unclean(c) && c != utf8.RuneError:
			fmt.Fprintf(&b, `\u%04x`, c)
		case c == utf8.RuneError:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// bidi says whether a character reorders the text around it.
func bidi(c rune) bool {
	return c >= '\u202a' && c <= '\u202e' || c >= '\u2066' && c <= '\u2069'
}
