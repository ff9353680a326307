package rego

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/ir"
)

// stmt compiles one statement; nil for one that does nothing.
func (a *assembler) stmt(s ir.Stmt, result int) op {
	switch s := s.(type) {
	case *ir.NopStmt:
		return nil
	case *ir.BlockStmt:
		return a.blockStmt(s, result)
	case *ir.ScanStmt:
		src, key, val := a.local(s.Source), a.local(s.Key), a.local(s.Value)
		body := a.block(s.Block, result)
		return func(m *machine, l []value) code { return m.scan(l, src, key, val, body) }
	case *ir.NotStmt:
		body := a.block(s.Block, result)
		return func(m *machine, l []value) code {
			switch r := body(m, l); {
			case r == went:
				return leave
			case r == leave:
				return went
			case r >= returns:
				return r
			default:
				return r - 1
			}
		}
	case *ir.BreakStmt:
		n := leave + code(s.Index)
		return func(*machine, []value) code { return n }
	case *ir.ReturnLocalStmt:
		src := a.local(s.Source)
		return func(_ *machine, l []value) code { l[result] = l[src]; return returns }
	case *ir.CallStmt:
		return a.call(s)
	case *ir.DotStmt:
		return a.dot(s)
	case *ir.EqualStmt:
		return a.compare(s.A, s.B, yes)
	case *ir.NotEqualStmt:
		return a.compare(s.A, s.B, no)
	case *ir.LenStmt:
		return a.length(s)
	case *ir.IsDefinedStmt:
		src := a.local(s.Source)
		return test(func(l []value) bool { return l[src].kind != undefined })
	case *ir.IsUndefinedStmt:
		src := a.local(s.Source)
		return test(func(l []value) bool { return l[src].kind == undefined })
	case *ir.IsArrayStmt:
		return a.isType(s.Source, list)
	case *ir.IsObjectStmt:
		return a.isType(s.Source, fields)
	case *ir.IsSetStmt:
		return a.isType(s.Source, members)
	default:
		return a.assignment(s)
	}
}

func test(f func(l []value) bool) op {
	return func(_ *machine, l []value) code {
		if f(l) {
			return went
		}
		return leave
	}
}

// assignment compiles the statements that make values.
func (a *assembler) assignment(s ir.Stmt) op {
	set := func(target ir.Local, v value) op {
		t := a.local(target)
		return func(_ *machine, l []value) code { l[t] = v; return went }
	}
	switch s := s.(type) {
	case *ir.ResetLocalStmt:
		return set(s.Target, value{})
	case *ir.MakeNullStmt:
		return set(s.Target, value{kind: null})
	case *ir.MakeNumberIntStmt:
		return set(s.Target, ofInt(s.Value))
	case *ir.AssignIntStmt:
		return set(s.Target, ofInt(s.Value))
	case *ir.MakeNumberRefStmt:
		return set(s.Target, ofNumber(a.policy.Static.Strings[s.Index].Value))
	case *ir.AssignVarStmt:
		t, src := a.local(s.Target), a.operand(s.Source)
		return func(_ *machine, l []value) code { l[t] = *src.get(l); return went }
	case *ir.AssignVarOnceStmt:
		t, src := a.local(s.Target), a.operand(s.Source)
		return func(_ *machine, l []value) code {
			v := src.get(l)
			if l[t].kind != undefined && equal(&l[t], v) != yes {
				return ask // a conflict, which OPA reports
			}
			l[t] = *v
			return went
		}
	case *ir.MakeArrayStmt:
		t := a.local(s.Target)
		return func(_ *machine, l []value) code { l[t] = value{kind: list, ref: &listOf{}}; return went }
	case *ir.MakeSetStmt:
		t := a.local(s.Target)
		return func(_ *machine, l []value) code { l[t] = value{kind: members, ref: &setOf{}}; return went }
	case *ir.MakeObjectStmt:
		t := a.local(s.Target)
		return func(_ *machine, l []value) code { l[t] = value{kind: fields, ref: &objectOf{}}; return went }
	case *ir.ArrayAppendStmt:
		t, src := a.local(s.Array), a.operand(s.Value)
		return func(m *machine, l []value) code {
			arr, ok := l[t].ref.(*listOf)
			v := src.get(l)
			if !ok || !m.spend(1) {
				return ask
			}
			arr.items = append(arr.items, *v)
			return went
		}
	case *ir.SetAddStmt:
		t, src := a.local(s.Set), a.operand(s.Value)
		return func(_ *machine, l []value) code {
			set, ok := l[t].ref.(*setOf)
			if !ok || !set.add(src.get(l)) {
				return ask
			}
			return went
		}
	case *ir.ObjectInsertStmt:
		return a.insert(s.Key, s.Value, s.Object, false)
	case *ir.ObjectInsertOnceStmt:
		return a.insert(s.Key, s.Value, s.Object, true)
	default:
		// "with", merges and calls by a computed name.
		return asks
	}
}

func (a *assembler) insert(key, val ir.Operand, object ir.Local, once bool) op {
	t, k, v := a.local(object), a.operand(key), a.operand(val)
	return func(_ *machine, l []value) code {
		o, ok := l[t].ref.(*objectOf)
		if !ok || len(o.keys) >= maxMembers {
			return ask
		}
		kv, vv := k.get(l), v.get(l)
		switch old, found := o.get(kv); {
		case found == unsure, found == yes && once && equal(old, vv) != yes:
			return ask
		case found == yes:
			*old = *vv
		default:
			o.keys, o.vals = append(o.keys, *kv), append(o.vals, *vv)
		}
		return went
	}
}

func (a *assembler) blockStmt(s *ir.BlockStmt, result int) op {
	bs := a.blocks(s.Blocks, result)
	return func(m *machine, l []value) code {
		for _, b := range bs {
			switch r := b(m, l); {
			case r <= leave:
			case r >= returns:
				return r
			default:
				return r - 1
			}
		}
		return went
	}
}

// dot compiles x[k]. What input has under a constant name is resolved here.
func (a *assembler) dot(s *ir.DotStmt) op {
	t, src, key := a.local(s.Target), a.operand(s.Source), a.operand(s.Key)
	if src.fixed {
		return func(*machine, []value) code { return leave }
	}
	from := src.local
	if from == a.data {
		return asks
	}
	if from == a.input && key.fixed && !a.anyInput {
		get := field(key.value.str)
		if key.value.kind != text {
			return func(*machine, []value) code { return leave }
		}
		return func(m *machine, l []value) code {
			if get(m, &l[t]); l[t].kind == undefined {
				return leave
			}
			return went
		}
	}
	return func(m *machine, l []value) code {
		var out value
		switch m.lookup(&l[from], key.get(l), &out) {
		case yes:
			l[t] = out
			return went
		case no:
			return leave
		default:
			return ask
		}
	}
}

func (a *assembler) compare(x, y ir.Operand, want verdict) op {
	p, q := a.operand(x), a.operand(y)
	if p.fixed {
		p, q = q, p
	}
	if q.fixed && !p.fixed && q.value.kind == text {
		i, s := p.local, q.value.str
		return test(func(l []value) bool { return (l[i].kind == text && l[i].str == s) == (want == yes) })
	}
	return func(_ *machine, l []value) code {
		switch equal(p.get(l), q.get(l)) {
		case want:
			return went
		case unsure:
			return ask
		default:
			return leave
		}
	}
}

func (a *assembler) isType(o ir.Operand, k kind) op {
	src := a.operand(o)
	return test(func(l []value) bool { return src.get(l).typeOf() == k })
}

func (a *assembler) length(s *ir.LenStmt) op {
	t, src := a.local(s.Target), a.operand(s.Source)
	return func(m *machine, l []value) code {
		n, ok := m.count(src.get(l))
		if !ok {
			return ask
		}
		l[t] = ofInt(n)
		return went
	}
}

// count is how many elements or characters there are.
func (m *machine) count(v *value) (int64, bool) {
	switch v.kind {
	case list:
		return int64(len(v.ref.(*listOf).items)), true
	case members:
		return int64(v.ref.(*setOf).len()), true
	case fields:
		return int64(len(v.ref.(*objectOf).keys)), true
	case text:
		return int64(len([]rune(v.str))), true
	case arguments, byName:
		n := int64(0)
		for i := range m.ev.NumArgs() {
			if m.arg(i).kind != undefined {
				n++
			}
		}
		return n, true
	case foreign:
		switch x := v.ref.(type) {
		case *ast.Array:
			return int64(x.Len()), true
		case ast.Object:
			return int64(x.Len()), true
		case ast.Set:
			return int64(x.Len()), true
		}
	}
	return 0, false
}
