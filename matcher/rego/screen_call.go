package rego

import (
	"github.com/open-policy-agent/opa/v1/ir"
)

// call compiles a call of a rule, a function or a built-in.
func (a *assembler) call(s *ir.CallStmt) op {
	t := a.local(s.Result)
	args := make([]operand, len(s.Args))
	for i, x := range s.Args {
		args[i] = a.operand(x)
	}
	f, ok := a.funcs[s.Func]
	if !ok {
		return a.builtin(s.Func, args, t)
	}
	if s.Func == a.lookup && len(args) == 3 {
		// get_tracee_argument goes through input.args; this gives the same.
		name := args[2]
		return func(m *machine, l []value) code {
			n := name.get(l)
			if n.kind != text {
				return leave
			}
			if m.argNamed(n.str, &l[t]); l[t].kind == undefined {
				return leave
			}
			return went
		}
	}
	plain := callOf(f, args, t)
	return a.memoised(s.Func, args, t, plain)
}

// callOf runs the function in a frame of its own.
func callOf(f *function, args []operand, t int) op {
	return func(m *machine, l []value) code {
		base, stack := m.fp, m.stack
		frame := m.push(f.size)
		for i := range args {
			frame[f.params[i]] = *args[i].get(l)
		}
		r := m.run(f, frame)
		m.fp, m.stack = base, stack
		if r == ask {
			return ask
		}
		l[t] = frame[f.result]
		if l[t].kind == undefined {
			return leave
		}
		return went
	}
}

// memoised runs a call once an event: calls without arguments or with constant
// strings have a place of their own, calls with one other argument remember
// the last. The first two arguments are the documents, always the same ones.
func (a *assembler) memoised(name string, args []operand, t int, plain op) op {
	key := name
	if !a.shareable(name) {
		key = a.file + "\x00" + name
	}
	var last *operand
	for i := 2; i < len(args); i++ {
		switch {
		case args[i].fixed && args[i].value.kind == text:
			key += "\x00" + args[i].value.str
		case !args[i].fixed && last == nil && len(args) == 3:
			last = &args[i]
		default:
			return plain
		}
	}
	if last != nil {
		key += "\x00\x00"
	}
	slot := a.memos.slot(key)
	return func(m *machine, l []value) code {
		e := &m.memo[slot]
		var arg value
		if last != nil {
			arg = *last.get(l)
			if arg.kind != text && arg.kind != integer {
				return plain(m, l)
			}
		}
		if e.epoch == m.epoch && e.arg.kind == arg.kind && e.arg.num == arg.num && e.arg.str == arg.str {
			l[t] = e.result
			if e.result.kind == undefined {
				return leave
			}
			return went
		}
		r := plain(m, l)
		if r == ask {
			return ask
		}
		// Not through e: the call may have come here again by another way.
		m.memo[slot] = memo{epoch: m.epoch, arg: arg}
		if r == went {
			m.memo[slot].result = l[t]
		}
		return r
	}
}
