package rego

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// lookup is Rego's x[k] for a key that is known; unsure leaves it to OPA.
func (m *machine) lookup(src, key, out *value) verdict {
	switch src.kind {
	case event:
		if key.kind != text {
			return no
		}
		field(key.str)(m, out)
		return verdictOf(out.kind != undefined)
	case byName:
		if key.kind != text {
			return no
		}
		m.argNamed(key.str, out)
		return verdictOf(out.kind != undefined)
	case argument:
		if key.kind != text {
			return no
		}
		m.argField(int(src.num), key.str, out)
		return verdictOf(out.kind != undefined)
	case arguments:
		if key.kind == number {
			return unsure
		}
		if key.kind != integer || key.num < 0 {
			return no
		}
		i := m.present(key.num)
		if i < 0 {
			return no
		}
		*out = value{kind: argument, num: int64(i)}
		return yes
	case list:
		if key.kind == number {
			return unsure
		}
		items := src.ref.(*listOf).items
		if key.kind != integer || key.num < 0 || key.num >= int64(len(items)) {
			return no
		}
		*out = items[key.num]
		return yes
	case members:
		v := src.ref.(*setOf).has(key)
		if v == yes {
			*out = *key
		}
		return v
	case fields:
		x, v := src.ref.(*objectOf).get(key)
		if v == yes {
			*out = *x
		}
		return v
	case foreign:
		return lookupForeign(src.ref.(ast.Value), key, out)
	default:
		return no
	}
}

func lookupForeign(src ast.Value, key, out *value) verdict {
	k, ok := scalar(key)
	if !ok {
		return unsure
	}
	switch x := src.(type) {
	case *ast.Array:
		if key.kind == number {
			return unsure
		}
		if key.kind != integer || key.num < 0 || key.num >= int64(x.Len()) {
			return no
		}
		*out = ofAST(x.Elem(int(key.num)).Value)
		return yes
	case ast.Object:
		t := x.Get(ast.NewTerm(k))
		if t == nil {
			return no
		}
		*out = ofAST(t.Value)
		return yes
	case ast.Set:
		if !x.Contains(ast.NewTerm(k)) {
			return no
		}
		*out = *key
		return yes
	}
	return unsure
}

// scalar is OPA's form of a value that is no composite.
func scalar(v *value) (ast.Value, bool) {
	switch v.kind {
	case null:
		return ast.NullValue, true
	case boolean:
		return ast.Boolean(v.num != 0), true
	case integer:
		return ast.IntNumberTerm(int(v.num)).Value, true
	case number:
		return v.ref.(ast.Number), true
	case text:
		return ast.String(v.str), true
	case foreign:
		return v.ref.(ast.Value), true
	}
	return nil, false
}

// toAST is OPA's form of any value; false for the document as a whole.
func (m *machine) toAST(v *value) (ast.Value, bool) {
	// A small value may hold the same part over and over.
	if !m.spend(1) {
		return nil, false
	}
	switch v.kind {
	case list:
		items := v.ref.(*listOf).items
		terms := make([]*ast.Term, len(items))
		for i := range items {
			x, ok := m.toAST(&items[i])
			if !ok {
				return nil, false
			}
			terms[i] = ast.NewTerm(x)
		}
		return ast.NewArray(terms...), true
	case members:
		s := v.ref.(*setOf)
		out := ast.NewSetWithCapacity(s.len())
		for t := range s.texts {
			out.Add(ast.StringTerm(t))
		}
		for i := range s.rest {
			x, ok := m.toAST(&s.rest[i])
			if !ok {
				return nil, false
			}
			out.Add(ast.NewTerm(x))
		}
		return out, true
	case fields:
		o := v.ref.(*objectOf)
		out := ast.NewObject()
		for i := range o.keys {
			k, ok := m.toAST(&o.keys[i])
			x, ok2 := m.toAST(&o.vals[i])
			if !ok || !ok2 {
				return nil, false
			}
			out.Insert(ast.NewTerm(k), ast.NewTerm(x))
		}
		return out, true
	case event:
		return m.doc.input().Value, true
	case arguments:
		return m.doc.input().Value.(ast.Object).Get(ast.InternedTerm("args")).Value, true
	case byName:
		return m.doc.input().Value.(ast.Object).Get(ast.InternedTerm("argsByName")).Value, true
	case undefined, argument:
		return nil, false
	default:
		return scalar(v)
	}
}

// scan runs body for each element. It is two blocks deep: leaving one goes on
// with the next element, leaving two ends the scan.
func (m *machine) scan(l []value, src, key, val int, body op) code {
	s := l[src]
	switch s.kind {
	case arguments:
		n := int64(0)
		for i := range m.ev.NumArgs() {
			if m.arg(i).kind == undefined {
				continue
			}
			l[key], l[val] = ofInt(n), value{kind: argument, num: int64(i)}
			if stop, r := m.turn(l, body); stop {
				return r
			}
			n++
		}
	case list:
		for i, x := range s.ref.(*listOf).items {
			l[key], l[val] = ofInt(int64(i)), x
			if stop, r := m.turn(l, body); stop {
				return r
			}
		}
	case members:
		set := s.ref.(*setOf)
		for t := range set.texts {
			l[key] = ofText(t)
			l[val] = l[key]
			if stop, r := m.turn(l, body); stop {
				return r
			}
		}
		for _, x := range set.rest {
			l[key], l[val] = x, x
			if stop, r := m.turn(l, body); stop {
				return r
			}
		}
	case fields:
		o := s.ref.(*objectOf)
		for i := range o.keys {
			l[key], l[val] = o.keys[i], o.vals[i]
			if stop, r := m.turn(l, body); stop {
				return r
			}
		}
	case byName:
		for i := range m.ev.NumArgs() {
			if m.arg(i).kind == undefined {
				continue
			}
			l[key], l[val] = ofText(m.ev.Type.Params[i].Name), *m.arg(i)
			if stop, r := m.turn(l, body); stop {
				return r
			}
		}
	case foreign:
		return m.scanForeign(l, s.ref.(ast.Value), key, val, body)
	case event, argument:
		return ask
	}
	return went
}

// turn runs the body of a scan once and says whether the scan ends, and how.
func (m *machine) turn(l []value, body op) (stop bool, r code) {
	if !m.spend(1) {
		return true, ask
	}
	switch r := body(m, l); {
	case r <= leave:
		return false, went
	case r >= returns:
		return true, r
	default:
		return true, r - 2
	}
}

func (m *machine) scanForeign(l []value, src ast.Value, key, val int, body op) code {
	switch x := src.(type) {
	case *ast.Array:
		for i := range x.Len() {
			l[key], l[val] = ofInt(int64(i)), ofAST(x.Elem(i).Value)
			if stop, r := m.turn(l, body); stop {
				return r
			}
		}
	case ast.Set:
		for _, t := range x.Slice() {
			l[key] = ofAST(t.Value)
			l[val] = l[key]
			if stop, r := m.turn(l, body); stop {
				return r
			}
		}
	case ast.Object:
		out := went
		x.Until(func(k, v *ast.Term) bool {
			l[key], l[val] = ofAST(k.Value), ofAST(v.Value)
			stop, r := m.turn(l, body)
			if stop {
				out = r
			}
			return stop
		})
		return out
	default:
		return ask
	}
	return went
}
