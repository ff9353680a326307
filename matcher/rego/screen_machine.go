package rego

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
	"github.com/open-policy-agent/opa/v1/topdown/cache"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// code is how a statement ended: went (0), or leave that many blocks, or one
// of the two large ones. An undefined statement leaves one block.
type code int

const (
	went    code = 0
	leave   code = 1
	returns code = 1 << 30
	ask     code = 1<<30 + 1
)

// op is one or more compiled statements; l are the locals of the function.
type op func(m *machine, l []value) code

// function is a compiled rule or function.
type function struct {
	params []int
	size   int // of the frame
	result int
	blocks []op
}

// budget bounds what the screen does for one rule and event, in loop turns and
// bytes of strings made. Past it OPA decides, which has a clock.
const budget = 1 << 20

// initialStack is how many locals fit before the stack grows.
const initialStack = 1024

// maxFlagNames bounds the cache of flags by name.
const maxFlagNames = 4096

// machine runs screens for one goroutine.
type machine struct {
	doc   *document
	ev    *matcher.Event
	epoch uint64
	stack []value
	fp    int
	spent int
	memo  []memo
	args  []argMemo
	flags map[flagKey]string
	bctx  topdown.BuiltinContext
}

// memo holds what a call returned for the event of its epoch.
type memo struct {
	epoch  uint64
	arg    value
	result value
}

type argMemo struct {
	epoch uint64
	value value
}

type flagKey struct {
	values *catalogue.Values
	word   int64
}

func newMachine(doc *document, memos int, values cache.InterQueryValueCache) *machine {
	return &machine{
		doc: doc, stack: make([]value, initialStack), memo: make([]memo, memos), flags: map[flagKey]string{},
		bctx: topdown.BuiltinContext{
			Context: context.Background(), Metrics: metrics.NoOp(), Cancel: topdown.NewCancel(), Time: ast.NumberTerm("1"),
			Seed: noSeed{}, Cache: builtins.Cache{}, InterQueryBuiltinValueCache: values,
		},
	}
}

// begin turns to another event.
func (m *machine) begin(ev *matcher.Event) {
	m.ev = ev
	m.epoch++
	if n := ev.NumArgs(); len(m.args) < n {
		m.args = make([]argMemo, n)
	}
}

// dismiss says whether the rule surely finds nothing in the event. Otherwise
// OPA has to be asked.
func (m *machine) dismiss(s *screen) bool {
	r, sure := m.evaluate(s.entry, value{kind: event})
	return sure && (r.kind == undefined || r.kind == boolean && r.num == 0)
}

// evaluate runs a rule; sure is false when OPA has to be asked.
func (m *machine) evaluate(f *function, input value) (r value, sure bool) {
	m.spent, m.fp = 0, 0
	frame := m.push(f.size)
	frame[f.params[0]] = input
	if m.run(f, frame) == ask {
		return value{}, false
	}
	return frame[f.result], true
}

// push returns a cleared frame. Frames below keep their memory when the stack
// has to grow.
func (m *machine) push(n int) []value {
	if m.fp+n > len(m.stack) {
		m.stack = make([]value, max(2*len(m.stack), m.fp+n))
	}
	f := m.stack[m.fp : m.fp+n : m.fp+n]
	clear(f)
	m.fp += n
	return f
}

// run executes a function in its frame: went, returns or ask.
func (m *machine) run(f *function, frame []value) code {
	for _, b := range f.blocks {
		switch r := b(m, frame); {
		case r <= leave:
		case r == returns:
			return returns
		default:
			return ask
		}
	}
	// A function that does not return is undefined.
	frame[f.result] = value{}
	return went
}

// spend uses up some of the budget; false when there is none left.
func (m *machine) spend(n int) bool {
	m.spent += n
	return m.spent <= budget
}
