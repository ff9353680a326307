package matcher

import (
	"cmp"
	"slices"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Demand is what the enabled rules need, sorted by name: the union of their
// selectors, and of the environment variables they look at. Where one rule wants an event whatever its arguments are, no
// condition is passed on; where all set one on the same argument, their values
// are joined.
func (rs *Ruleset) Demand(who string) msg.Demand {
	events := make(map[string][]msg.ArgDemand)
	var environment []string
	for _, r := range rs.Rules {
		if r.Disabled {
			continue
		}
		environment = append(environment, r.Environment...)
		for _, sel := range r.Select {
			if sel.Event != "" {
				if _, ok := catalogue.Lookup(sel.Event); ok {
					ask(events, sel.Event, sel.Args)
				}
				continue
			}
			for e := range catalogue.All() {
				ask(events, e.Name, sel.Args)
			}
		}
	}
	slices.Sort(environment)
	if environment = slices.Compact(environment); slices.Contains(environment, msg.WholeEnvironment) {
		environment = []string{msg.WholeEnvironment}
	}
	d := msg.Demand{Who: who, Environment: environment, Events: make([]msg.EventDemand, 0, len(events))}
	for name, args := range events {
		d.Events = append(d.Events, msg.EventDemand{Name: name, Args: args})
	}
	slices.SortFunc(d.Events, func(a, b msg.EventDemand) int { return cmp.Compare(a.Name, b.Name) })
	return d
}

func ask(events map[string][]msg.ArgDemand, name string, args []msg.ArgDemand) {
	old, ok := events[name]
	if !ok {
		events[name] = slices.Clone(args)
		return
	}
	events[name] = either(old, args)
}

// either returns conditions that every event meets that meets all of a or all
// of b: those on arguments that both speak of, with the values of both.
func either(a, b []msg.ArgDemand) []msg.ArgDemand {
	var out []msg.ArgDemand
	for _, x := range a {
		for _, y := range b {
			if x.Name == y.Name && x.Op == y.Op {
				values := slices.Concat(x.Values, y.Values)
				slices.Sort(values)
				out = append(out, msg.ArgDemand{Name: x.Name, Op: x.Op, Values: slices.Compact(values)})
				break
			}
		}
	}
	return out
}
