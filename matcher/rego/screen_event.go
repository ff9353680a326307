package rego

import (
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// field compiles input.<name>. What most rules look at is taken from the
// event; the rest from the document, which is then made. Both give the same.
func field(name string) func(m *machine, out *value) {
	switch name {
	case "eventName":
		return func(m *machine, out *value) { *out = ofText(m.ev.Name()) }
	case "processName":
		return func(m *machine, out *value) { *out = ofText(m.doc.text(m.ev.Comm())) }
	case "hostName":
		return func(m *machine, out *value) { *out = ofText(m.doc.text(m.ev.Batch.Host)) }
	case "containerId":
		return func(m *machine, out *value) { *out = ofText(m.doc.text(m.ev.Container().GetId())) }
	case "eventId":
		return func(m *machine, out *value) { *out = ofText(strconv.FormatUint(uint64(m.ev.Event.Type), 10)) }
	case "timestamp":
		return func(m *machine, out *value) { *out = ofInt(m.ev.Event.Time) }
	case "processId":
		return func(m *machine, out *value) { *out = ofInt(idsOf(m.ev.Record).pid) }
	case "threadId":
		return func(m *machine, out *value) { *out = ofInt(idsOf(m.ev.Record).tid) }
	case "parentProcessId":
		return func(m *machine, out *value) { *out = ofInt(idsOf(m.ev.Record).ppid) }
	case "hostProcessId":
		return func(m *machine, out *value) { *out = ofInt(int64(m.ev.Process().Pid)) }
	case "hostThreadId":
		return func(m *machine, out *value) { *out = ofInt(int64(m.ev.Event.Tid)) }
	case "hostParentProcessId":
		return func(m *machine, out *value) { *out = ofInt(int64(m.ev.Process().Ppid)) }
	case "userId":
		return func(m *machine, out *value) { *out = ofInt(int64(m.ev.Process().Cred.GetUid())) }
	case "returnValue":
		return func(m *machine, out *value) { *out = ofInt(m.ev.Event.Ret) }
	case "args":
		return func(_ *machine, out *value) { *out = value{kind: arguments} }
	case "argsByName":
		return func(_ *machine, out *value) { *out = value{kind: byName} }
	case "process":
		return func(m *machine, out *value) { *out = value{kind: foreign, ref: m.doc.process(m.ev.Process()).value} }
	case "container":
		return func(m *machine, out *value) {
			*out = value{}
			if c := m.ev.Container(); c != nil {
				*out = value{kind: foreign, ref: m.doc.container(c).value}
			}
		}
	}
	key := ast.InternedTerm(name)
	return func(m *machine, out *value) {
		*out = value{}
		if t := m.doc.input().Value.(ast.Object).Get(key); t != nil {
			*out = ofAST(t.Value)
		}
	}
}

// arg returns the value of the i-th argument, undefined when it is absent.
func (m *machine) arg(i int) *value {
	a := &m.args[i]
	if a.epoch != m.epoch {
		a.epoch = m.epoch
		a.value = m.makeArg(i)
	}
	return &a.value
}

func (m *machine) makeArg(i int) value {
	v, ok := m.ev.ArgAt(i)
	if !ok {
		return value{}
	}
	switch v.Param.Kind {
	case catalogue.String, catalogue.Path:
		return ofText(m.doc.text(v.Str()))
	case catalogue.Flags, catalogue.Enum, catalogue.Signal:
		if v.Param.Values == nil {
			return ofInt(v.Word)
		}
		k := flagKey{v.Param.Values, v.Word}
		s, ok := m.flags[k]
		if !ok {
			if len(m.flags) >= maxFlagNames {
				clear(m.flags)
			}
			s = v.Text()
			m.flags[k] = s
		}
		return ofText(s)
	case catalogue.Strings:
		items := v.Strings()
		l := &listOf{items: make([]value, len(items))}
		for i, s := range items {
			l.items[i] = ofText(m.doc.text(s))
		}
		return value{kind: list, ref: l}
	default:
		x, _ := m.doc.arg(v)
		return ofAST(ast.MustInterfaceToValue(x))
	}
}

// argNamed finds an argument by name.
func (m *machine) argNamed(name string, out *value) {
	*out = value{}
	if m.ev.Type == nil {
		return
	}
	if i := m.ev.Type.Param(name); i >= 0 && i < m.ev.NumArgs() {
		*out = *m.arg(i)
	}
}

// present returns the position of the n-th argument that is there, -1 for none.
func (m *machine) present(n int64) int {
	for i := range m.ev.NumArgs() {
		if m.arg(i).kind == undefined {
			continue
		}
		if n == 0 {
			return i
		}
		n--
	}
	return -1
}

// argField is what an element of args has under a name.
func (m *machine) argField(i int, name string, out *value) {
	*out = value{}
	switch p := &m.ev.Type.Params[i]; name {
	case "name":
		*out = ofText(p.Name)
	case "value":
		*out = *m.arg(i)
	case "type":
		v, _ := m.ev.ArgAt(i)
		_, typ := m.doc.arg(v)
		*out = ofText(typ)
	}
}
