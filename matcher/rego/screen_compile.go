package rego

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ir"
)

// assembler compiles one plan.
type assembler struct {
	policy *ir.Policy
	funcs  map[string]*function
	memos  memoNames
	// file keeps the memos of the rule apart, libs says of which functions
	// they are shared.
	file string
	libs []string
	// lookup is the planner's name of get_tracee_argument when it is ours.
	lookup string
	// anyInput is set when input is not an event: what it holds is then looked
	// up when the rule runs.
	anyInput bool
	size     int
	err      error
	// input and data are the locals of the function that hold the documents.
	input, data int
	// appends counts, per local of the function, what is put into it.
	appends map[ir.Local]int
}

// funcPrefix is what the planner puts before the names of rules.
const funcPrefix = "g0."

// assemble compiles the plan; rule is the full name of the one to run.
func (a *assembler) assemble(rule string) (*screen, error) {
	if a.policy.Funcs == nil {
		return nil, fmt.Errorf("the plan has no functions")
	}
	for _, f := range a.policy.Funcs.Funcs {
		if len(f.Params) < 2 {
			return nil, fmt.Errorf("function %s of the plan has %d parameters, expected input and data", f.Name, len(f.Params))
		}
		a.funcs[f.Name] = &function{}
	}
	for _, f := range a.policy.Funcs.Funcs {
		a.function(f)
	}
	if a.err != nil {
		return nil, a.err
	}
	entry, ok := a.funcs[funcPrefix+rule]
	if !ok {
		return nil, fmt.Errorf("the plan has no function %s", rule)
	}
	return &screen{entry: entry}, nil
}

// share lets the memo of library functions be the same in all rules.
func (a *assembler) share(lib library) {
	for _, pkg := range lib.packages() {
		a.libs = append(a.libs, funcPrefix+pkg.String()+".")
	}
	if lib.ownsTraceeHelpers() {
		a.lookup = funcPrefix + "data.tracee.helpers.get_tracee_argument"
	}
}

func (a *assembler) function(f *ir.Func) {
	a.size, a.appends = 0, map[ir.Local]int{}
	x := a.funcs[f.Name]
	for _, p := range f.Params {
		x.params = append(x.params, a.local(p))
	}
	a.input, a.data = x.params[0], x.params[1]
	x.result = a.local(f.Return)
	for _, b := range f.Blocks {
		a.count(b)
	}
	x.blocks = a.blocks(f.Blocks, x.result)
	x.size = a.size
}

// local notes that the frame holds l.
func (a *assembler) local(l ir.Local) int {
	a.size = max(a.size, int(l)+1)
	return int(l)
}

// count counts what is put into each local.
func (a *assembler) count(b *ir.Block) {
	for _, s := range b.Stmts {
		switch s := s.(type) {
		case *ir.ArrayAppendStmt:
			a.appends[s.Array]++
		case *ir.SetAddStmt:
			a.appends[s.Set]++
		case *ir.BlockStmt:
			for _, b := range s.Blocks {
				a.count(b)
			}
		case *ir.ScanStmt:
			a.count(s.Block)
		case *ir.NotStmt:
			a.count(s.Block)
		}
	}
}

func (a *assembler) blocks(bs []*ir.Block, result int) []op {
	out := make([]op, 0, len(bs))
	for _, b := range bs {
		out = append(out, a.block(b, result))
	}
	return out
}

// block compiles statements to one op.
func (a *assembler) block(b *ir.Block, result int) op {
	var ops []op
	for i := 0; i < len(b.Stmts); i++ {
		if o, n := a.literal(b.Stmts[i:]); n > 0 {
			ops = append(ops, o)
			i += n - 1
			continue
		}
		if o := a.stmt(b.Stmts[i], result); o != nil {
			ops = append(ops, o)
		}
	}
	switch len(ops) {
	case 0:
		return func(*machine, []value) code { return went }
	case 1:
		return ops[0]
	case 2:
		first, second := ops[0], ops[1]
		return func(m *machine, l []value) code {
			if r := first(m, l); r != went {
				return r
			}
			return second(m, l)
		}
	}
	return func(m *machine, l []value) code {
		for _, o := range ops {
			if r := o(m, l); r != went {
				return r
			}
		}
		return went
	}
}

// literal makes one constant of the statements that build a list or a set of
// constants; n is how many there are, 0 when these do something else.
func (a *assembler) literal(stmts []ir.Stmt) (o op, n int) {
	var target ir.Local
	var v value
	var put func(ir.Stmt) bool
	switch s := stmts[0].(type) {
	case *ir.MakeSetStmt:
		set := &setOf{}
		target, v = s.Target, value{kind: members, ref: set}
		put = func(s ir.Stmt) bool {
			add, ok := s.(*ir.SetAddStmt)
			if !ok || add.Set != target {
				return false
			}
			c, ok := a.constant(add.Value)
			return ok && set.add(&c)
		}
	case *ir.MakeArrayStmt:
		arr := &listOf{}
		target, v = s.Target, value{kind: list, ref: arr}
		put = func(s ir.Stmt) bool {
			add, ok := s.(*ir.ArrayAppendStmt)
			if !ok || add.Array != target {
				return false
			}
			c, ok := a.constant(add.Value)
			arr.items = append(arr.items, c)
			return ok
		}
	default:
		return nil, 0
	}
	for n = 1; n < len(stmts) && put(stmts[n]); n++ {
	}
	if n == 1 || n-1 != a.appends[target] {
		return nil, 0
	}
	t := a.local(target)
	return func(_ *machine, l []value) code { l[t] = v; return went }, n
}

// constant is the value of an operand that is one.
func (a *assembler) constant(o ir.Operand) (value, bool) {
	// Operands are pointers when the plan was read from JSON.
	switch x := o.Value.(type) {
	case *ir.StringIndex:
		return ofText(a.policy.Static.Strings[*x].Value), true
	case *ir.Bool:
		return ofBool(bool(*x)), true
	}
	return value{}, false
}

// operand is where a statement reads.
type operand struct {
	fixed bool
	value value
	local int
}

func (o *operand) get(l []value) *value {
	if o.fixed {
		return &o.value
	}
	return &l[o.local]
}

func (a *assembler) operand(o ir.Operand) (out operand) {
	if c, ok := a.constant(o); ok {
		return operand{fixed: true, value: c}
	}
	l, ok := o.Value.(*ir.Local)
	if !ok {
		a.err = fmt.Errorf("the plan has an operand of type %T", o.Value)
		return out
	}
	out.local = a.local(*l)
	return out
}

// shareable says whether what the function returns for an event is the same in
// every rule.
func (a *assembler) shareable(name string) bool {
	return slices.ContainsFunc(a.libs, func(p string) bool { return strings.HasPrefix(name, p) })
}

func asks(*machine, []value) code { return ask }
