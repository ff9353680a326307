package check

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// Operand is a compiled field or transformer of an output.
type Operand struct{ o *operand }

// Text is its canonical name.
func (o Operand) Text() string { return o.o.text }

// Ref is the field, nil for a transformer.
func (o Operand) Ref() *fields.Ref { return o.o.ref }

// Refs lists all fields in it.
func (o Operand) Refs() []*fields.Ref { return o.o.refs(nil) }

// Calls lists the transformers in it, innermost first.
func (o Operand) Calls() []Operand { return o.o.calls(nil) }

// Type is the type of its value; List says that it is a list.
func (o Operand) Type() fields.Type { return o.o.typ }

// List says whether its value is a list.
func (o Operand) List() bool { return o.o.list }

// Bind returns how to read it.
func (o Operand) Bind(src fields.Source) *fields.Getter { return o.o.bind(src) }

func (o *operand) refs(out []*fields.Ref) []*fields.Ref {
	if o == nil {
		return out
	}
	if o.ref != nil {
		out = append(out, o.ref)
	}
	for _, a := range o.args {
		out = a.refs(out)
	}
	for _, a := range o.items {
		out = a.refs(out)
	}
	return out
}

func (o *operand) calls(out []Operand) []Operand {
	for _, a := range o.args {
		out = a.calls(out)
	}
	for _, a := range o.items {
		out = a.calls(out)
	}
	if o.call != "" {
		out = append(out, Operand{o})
	}
	return out
}

// Refs lists the fields that a test looks at.
func (t *Test) Refs() []*fields.Ref {
	if t.leaf != nil {
		return t.leaf.Refs()
	}
	return t.right.refs(t.left.refs(nil))
}

// bind returns how to read an operand from a source.
func (o *operand) bind(src fields.Source) *fields.Getter {
	switch {
	case o.ref != nil:
		if g := src.Bind(o.ref); g != nil {
			return g
		}
		return fields.Never()
	case o.lit != nil:
		s := *o.lit
		return &fields.Getter{Str: func() (string, bool) { return s, true }}
	case o.call == "":
		return o.bindTuple(src)
	}
	args := make([]*fields.Getter, len(o.args))
	for i, a := range o.args {
		args[i] = a.bind(src)
	}
	switch o.call {
	case "tolower":
		return mapText(o, args[0], func(s string) (string, bool) { return lower(s), true })
	case "toupper":
		return mapText(o, args[0], func(s string) (string, bool) { return upper(s), true })
	case "basename":
		return mapText(o, args[0], func(s string) (string, bool) { return s[strings.LastIndexByte(s, '/')+1:], true })
	case "b64":
		return mapText(o, args[0], decode64)
	case "len":
		return length(o.args[0], args[0])
	case "concat":
		return &fields.Getter{Str: func() (string, bool) {
			var b strings.Builder
			for _, a := range args {
				s, ok := a.Str()
				if !ok {
					return "", false
				}
				b.WriteString(s)
			}
			return b.String(), true
		}}
	case "join":
		return &fields.Getter{Str: func() (string, bool) {
			sep, ok := args[0].Str()
			list, has := args[1].List()
			return strings.Join(list, sep), ok && has
		}}
	}
	return bindGetopt(o, args)
}

// bindTuple reads a list in parentheses; it is absent when one item is.
func (o *operand) bindTuple(src fields.Source) *fields.Getter {
	read := make([]func() (string, bool), len(o.items))
	for i, it := range o.items {
		read[i] = asText(it, it.bind(src))
	}
	return &fields.Getter{List: func() ([]string, bool) {
		out := make([]string, len(read))
		for i, f := range read {
			s, ok := f()
			if !ok {
				return nil, false
			}
			out[i] = s
		}
		return out, true
	}}
}

// asText reads any scalar as text.
func asText(o *operand, g *fields.Getter) func() (string, bool) {
	if g.Str != nil && (o.typ.Kind == fields.String || o.typ.Kind == fields.Bytes) {
		return g.Str
	}
	return func() (string, bool) { return Render(o.typ, g) }
}

// Render shows the value of a scalar.
func Render(t fields.Type, g *fields.Getter) (string, bool) {
	switch t.Kind {
	case fields.String, fields.Bytes:
		return g.Str()
	case fields.Bool:
		n, ok := g.Num()
		return strconv.FormatBool(n != 0), ok
	case fields.Uint, fields.Port:
		n, ok := g.Num()
		return strconv.FormatUint(uint64(narrow(t, n)), 10), ok
	case fields.Double:
		n, ok := g.Float()
		return strconv.FormatFloat(n, 'f', -1, 64), ok
	case fields.IP, fields.Net:
		a, ok := g.IP()
		return a.String(), ok
	}
	n, ok := g.Num()
	return strconv.FormatInt(n, 10), ok
}

// mapText applies a function to a text or to the elements of a list.
func mapText(o *operand, g *fields.Getter, f func(string) (string, bool)) *fields.Getter {
	if o.list {
		return &fields.Getter{List: func() ([]string, bool) {
			in, ok := g.List()
			if !ok {
				return nil, false
			}
			out := make([]string, 0, len(in))
			for _, s := range in {
				t, ok := f(s)
				if !ok {
					return nil, false
				}
				out = append(out, t)
			}
			return out, true
		}}
	}
	return &fields.Getter{Str: func() (string, bool) {
		s, ok := g.Str()
		if !ok {
			return "", false
		}
		return f(s)
	}}
}

func decode64(s string) (string, bool) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	return string(b), err == nil
}

func length(o *operand, g *fields.Getter) *fields.Getter {
	if o.list {
		return &fields.Getter{Num: func() (int64, bool) {
			l, ok := g.List()
			return int64(len(l)), ok
		}}
	}
	return &fields.Getter{Num: func() (int64, bool) {
		s, ok := g.Str()
		return int64(len(s)), ok
	}}
}

// Bind makes the test of a worker.
func (t *Test) Bind(src fields.Source) (func() bool, error) {
	if t.leaf != nil {
		return t.leaf.Bind(src)
	}
	return t.bind(src), nil
}

func (t *Test) bind(src fields.Source) func() bool {
	g := t.left.bind(src)
	several := t.left.ref != nil && t.left.ref.Several()
	switch {
	case t.expr.Op == "exists":
		return exists(t.left, g, several)
	case t.right != nil:
		return t.bindPair(g, t.right.bind(src))
	case several && g.N != nil:
		return t.bindSeveral(g)
	}
	switch p := t.pred; {
	case p.list != nil:
		f := p.list
		return func() bool { v, ok := g.List(); return ok && f(v) }
	case p.str != nil:
		f, get := p.str, g.Str
		return func() bool { v, ok := get(); return ok && f(v) }
	case p.ip != nil:
		f, get := p.ip, g.IP
		return func() bool { v, ok := get(); return ok && f(v) }
	case p.float != nil:
		f, get := p.float, g.Float
		return func() bool { v, ok := get(); return ok && f(v) }
	}
	f, get := t.pred.num, g.Num
	return func() bool { v, ok := get(); return ok && f(v) }
}

// bindSeveral tests a field that stands for several values: one of them must
// satisfy, or all both ends of a connection when the test is negative.
func (t *Test) bindSeveral(g *fields.Getter) func() bool {
	var one func(int) bool
	switch p := t.pred; {
	case p.str != nil:
		one = func(i int) bool { v, ok := g.StrAt(i); return ok && p.str(v) }
	case p.ip != nil:
		one = func(i int) bool { v, ok := g.IPAt(i); return ok && p.ip(v) }
	default:
		one = func(i int) bool { v, ok := g.NumAt(i); return ok && p.num(v) }
	}
	if t.pred.negative && t.left.has(fields.Either) {
		return func() bool {
			n := g.N()
			for i := range n {
				if !one(i) {
					return false
				}
			}
			return n > 0
		}
	}
	return func() bool {
		for i := range g.N() {
			if one(i) {
				return true
			}
		}
		return false
	}
}

func exists(o *operand, g *fields.Getter, several bool) func() bool {
	switch {
	case several && g.N != nil:
		return func() bool { return g.N() > 0 }
	case o.list:
		return func() bool { _, ok := g.List(); return ok }
	}
	switch o.typ.Kind {
	case fields.String, fields.Bytes:
		return func() bool { _, ok := g.Str(); return ok }
	case fields.Double:
		return func() bool { _, ok := g.Float(); return ok }
	case fields.IP, fields.Net:
		return func() bool { _, ok := g.IP(); return ok }
	case fields.None:
		return func() bool { return false }
	}
	return func() bool { _, ok := g.Num(); return ok }
}

// bindPair tests one field against another.
func (t *Test) bindPair(l, r *fields.Getter) func() bool {
	op := t.expr.Op
	switch {
	case t.left.list:
		all := op == "in"
		return func() bool {
			a, ok := l.List()
			b, has := r.List()
			if !ok || !has {
				return false
			}
			set := make(map[string]struct{}, len(b))
			for _, s := range b {
				set[s] = struct{}{}
			}
			return within(a, set, all)
		}
	case t.left.typ.Kind == fields.String, t.left.typ.Kind == fields.Bytes:
		return func() bool {
			a, ok := l.Str()
			if !ok {
				return false
			}
			b, ok := r.Str()
			if !ok {
				return false
			}
			f, err := textTest(op, b)
			return err == nil && f(a)
		}
	case t.left.typ.Kind == fields.IP:
		return func() bool {
			a, ok := l.IP()
			b, has := r.IP()
			return ok && has && (a == b) != (op == "!=")
		}
	case t.left.typ.Kind == fields.Double:
		return func() bool {
			a, ok := l.Float()
			b, has := r.Float()
			return ok && has && ordered(op, b)(a)
		}
	}
	typ := t.left.typ
	return func() bool {
		a, ok := l.Num()
		b, has := r.Num()
		return ok && has && integer(typ, op, narrow(typ, b))(a)
	}
}

// FieldOperand is a field by itself.
func FieldOperand(r *fields.Ref) Operand {
	return Operand{&operand{text: r.Text, ref: r, typ: r.Type, list: r.List()}}
}
