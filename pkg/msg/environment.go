package msg

import (
	"slices"
	"strings"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// WholeEnvironment in place of a variable's name stands for all variables.
const WholeEnvironment = "*"

// Environment is a set of names of environment variables: those that may be
// passed on. It does not change; nil is the empty set. Make one with
// [NewEnvironment].
type Environment struct {
	names []string // sorted, without duplicates; WholeEnvironment alone for all
	// args holds, by event type, 1 + the position of the argument that is an
	// environment, 0 for types without one.
	args []uint8
}

// NewEnvironment makes a set of names in any order.
func NewEnvironment(names ...string) *Environment {
	e := &Environment{args: make([]uint8, catalogue.MaxID())}
	for ev := range catalogue.All() {
		i := slices.IndexFunc(ev.Params, func(p catalogue.Param) bool { return IsEnvironment(&p) })
		e.args[ev.ID] = uint8(i + 1)
	}
	if slices.Contains(names, WholeEnvironment) {
		e.names = []string{WholeEnvironment}
		return e
	}
	for _, n := range names {
		e.names = append(e.names, strings.Clone(n)) // they may be of a batch
	}
	slices.Sort(e.names)
	e.names = slices.Compact(e.names)
	return e
}

// EnvironmentOf is what demands ask for together.
func EnvironmentOf(demands []Demand) *Environment {
	var names []string
	for _, d := range demands {
		names = append(names, d.Environment...)
	}
	return NewEnvironment(names...)
}

// Names lists the set, sorted; [WholeEnvironment] alone if it is all.
func (e *Environment) Names() []string {
	if e == nil {
		return nil
	}
	return e.names
}

// Has says whether a variable of that name is in the set.
func (e *Environment) Has(name string) bool {
	if e == nil {
		return false
	}
	if len(e.names) == 1 && e.names[0] == WholeEnvironment {
		return true
	}
	_, ok := slices.BinarySearch(e.names, name)
	return ok
}

// Keep returns of a list of NAME=VALUE those in the set, in their order; the
// list itself where that is all of them. What has no name is kept only if
// everything is.
func (e *Environment) Keep(list []string) []string {
	kept := 0
	for kept < len(list) && e.has(list[kept]) {
		kept++
	}
	if kept == len(list) {
		return list
	}
	out := slices.Clone(list[:kept])
	for _, kv := range list[kept+1:] {
		if e.has(kv) {
			out = append(out, kv)
		}
	}
	return out
}

func (e *Environment) has(variable string) bool {
	name, _, named := strings.Cut(variable, "=")
	if !named {
		name = WholeEnvironment // which no set of names has but that of all
	}
	return e.Has(name)
}

// Apply takes out of a batch the variables that are not in the set: of its
// processes, and of the arguments of events that are an environment.
func (e *Environment) Apply(b *Batch) {
	if e == nil {
		e = NewEnvironment()
	}
	if e.Has(WholeEnvironment) {
		return
	}
	for _, p := range b.Processes {
		if len(p.Env) > 0 {
			p.Env = e.Keep(p.Env)
		}
	}
	for _, ev := range b.Events {
		if int(ev.Type) >= len(e.args) || e.args[ev.Type] == 0 {
			continue
		}
		i := int(e.args[ev.Type]) - 1
		if i >= len(ev.Args) || ev.Absent&(1<<uint(i)) != 0 {
			continue
		}
		word := ev.Args[i]
		if word < 0 || word >= int64(len(b.Lists)) || b.Lists[word] == nil {
			continue
		}
		if l := b.Lists[word]; len(l.Items) > 0 {
			if kept := e.Keep(l.Items); len(kept) < len(l.Items) {
				b.Lists[word] = &StringList{Items: kept, Omitted: l.Omitted}
			}
		}
	}
}

// IsEnvironment says whether an argument of an event is the environment of a
// program.
func IsEnvironment(p *catalogue.Param) bool {
	return p.Kind == catalogue.Strings && (p.Name == "env" || p.Name == "envp")
}
