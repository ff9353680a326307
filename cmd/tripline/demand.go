package main

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/tripline/tripline/pkg/msg"
)

// environmentConfig names environment variables; "all" among them, or in place
// of the list, is all of them.
type environmentConfig []string

// allVariables is how people say [msg.WholeEnvironment].
const allVariables = "all"

// UnmarshalYAML implements yaml.Unmarshaler.
func (c *environmentConfig) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if n.Value != allVariables {
			return fmt.Errorf("line %d: environment is %q, expected a list of names of variables, or all", n.Line, n.Value)
		}
		*c = environmentConfig{allVariables}
		return nil
	}
	return n.Decode((*[]string)(c))
}

// demandFor asks for events and environment variables by name.
func demandFor(who string, events, environment []string) msg.Demand {
	d := msg.Demand{Who: who}
	for _, e := range events {
		d.Events = append(d.Events, msg.EventDemand{Name: e})
	}
	for _, name := range environment {
		if name == allVariables {
			name = msg.WholeEnvironment
		}
		d.Environment = append(d.Environment, name)
	}
	return d
}
