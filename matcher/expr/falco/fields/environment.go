package fields

import (
	"slices"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// Environment is what has to be known of processes' environments for a field to
// have its value: the name of a variable, [msg.WholeEnvironment], or "" for
// nothing. The fields that show all arguments of an event need nothing: they
// show those variables that others ask for.
func (r *Ref) Environment() string {
	switch r.Def.Name {
	case "proc.env", "proc.aenv":
		if !r.HasArg || r.Def.Name == "proc.aenv" && r.N >= 0 {
			return msg.WholeEnvironment
		}
		return r.Arg
	case "evt.arg", "evt.rawarg":
		if r.argumentIsEnvironment() {
			return msg.WholeEnvironment
		}
	}
	return ""
}

// argumentIsEnvironment says whether the argument with this name, or in this
// place, is an environment in any event.
func (r *Ref) argumentIsEnvironment() bool {
	if !strings.HasSuffix(r.Text, "]") {
		return r.Arg == "env" || r.Arg == "envp"
	}
	return slices.ContainsFunc(EventNames(), func(name string) bool {
		params := EventByName(name).Params
		return r.N >= 0 && r.N < len(params) && params[r.N].Name == "env"
	})
}
