package rego

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
)

// conditions are what an event has to meet for one body of a rule to hold, as
// far as it can be read off: the names it is limited to, and the values of
// arguments. Nil means any.
type conditions struct {
	events []string
	args   map[string][]string
}

// narrow adds to the selectors the arguments that every body of the rule
// fixes, so that a sensor can leave out what no rule will match. It reads only
// what is written as an equality with a constant, or as membership in a set of
// constants; whatever else a body asks for can but narrow it further.
func narrow(selectors []matcher.Selector, m *ast.Module, match string, helpersAreOurs bool) {
	var bodies []conditions
	for _, r := range m.Rules {
		if r.Head.Ref()[0].Value.String() != match {
			continue
		}
		if r.Default {
			if v := r.Head.Value; v != nil && !v.Equal(ast.BooleanTerm(false)) {
				return
			}
			continue
		}
		if r.Else != nil || len(r.Head.Ref()) > 1 {
			return
		}
		bodies = append(bodies, read(r.Body, m, helpersAreOurs))
	}
	for i := range selectors {
		if s := &selectors[i]; s.Event != "" {
			s.Args = common(s.Event, bodies)
		}
	}
}

// common returns the arguments that all bodies fix that may hold for the event.
func common(event string, bodies []conditions) []msg.ArgDemand {
	var args map[string][]string
	for _, b := range bodies {
		if b.events != nil && !slices.Contains(b.events, event) {
			continue
		}
		if args == nil {
			args = b.args
			if args == nil {
				return nil
			}
			continue
		}
		both := map[string][]string{}
		for name, values := range args {
			if more, ok := b.args[name]; ok {
				both[name] = slices.Concat(values, more)
			}
		}
		args = both
	}
	var out []msg.ArgDemand
	for name, values := range args {
		slices.Sort(values)
		out = append(out, msg.ArgDemand{Name: name, Op: "=", Values: slices.Compact(values)})
	}
	slices.SortFunc(out, func(a, b msg.ArgDemand) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

// read finds the conditions of one body.
func read(body ast.Body, m *ast.Module, helpersAreOurs bool) (c conditions) {
	for _, e := range body {
		if shadows(e) {
			return conditions{}
		}
	}
	for _, e := range body {
		if e.Negated || len(e.With) > 0 || !e.IsCall() {
			continue
		}
		ops := e.Operands()
		if len(ops) != 2 {
			continue
		}
		subject, values := ops[0], []string(nil)
		switch e.Operator().String() {
		case ast.Equal.Name, ast.Equality.Name:
			if values = constants(ast.NewSet(ops[1])); values == nil {
				subject, values = ops[1], constants(ast.NewSet(ops[0]))
			}
		case ast.Member.Name:
			if set, ok := ops[1].Value.(ast.Set); ok {
				values = constants(set)
			}
		}
		if values == nil {
			continue
		}
		if isField(subject, "eventName") {
			c.events = values
		} else if name := argumentOf(subject, m, helpersAreOurs); name != "" {
			if c.args == nil {
				c.args = map[string][]string{}
			}
			c.args[name] = values
		}
	}
	return c
}

// constants are the members of a set as text; nil where one is no string and
// no number, or there are none.
func constants(set ast.Set) []string {
	var out []string
	for _, t := range set.Slice() {
		switch v := t.Value.(type) {
		case ast.String:
			out = append(out, string(v))
		case ast.Number:
			if _, ok := v.Int64(); !ok {
				return nil
			}
			out = append(out, string(v))
		default:
			return nil
		}
	}
	return out
}

// isField says whether a term is input.<path…>.
func isField(t *ast.Term, path ...string) bool {
	ref, ok := t.Value.(ast.Ref)
	if !ok || len(ref) != len(path)+1 || !ref[0].Equal(ast.InputRootDocument) {
		return false
	}
	for i, p := range path {
		if !ref[i+1].Equal(ast.StringTerm(p)) {
			return false
		}
	}
	return true
}

// argumentOf is the name of the argument that a term stands for, "" for none.
func argumentOf(t *ast.Term, m *ast.Module, helpersAreOurs bool) string {
	switch v := t.Value.(type) {
	case ast.Ref:
		if len(v) == 3 {
			if name, ok := v[2].Value.(ast.String); ok && isField(t, "argsByName", string(name)) {
				return string(name)
			}
		}
	case ast.Call:
		if len(v) != 2 || !helpersAreOurs {
			return ""
		}
		name, ok := v[1].Value.(ast.String)
		if ok && isLookup(v[0].String(), m) {
			return string(name)
		}
	}
	return ""
}

// isLookup says whether a function's name means get_tracee_argument.
func isLookup(name string, m *ast.Module) bool {
	const helper = "data.tracee.helpers"
	if name == helper+".get_tracee_argument" {
		return true
	}
	for _, i := range m.Imports {
		if i.Path.String() == helper && string(i.Name())+".get_tracee_argument" == name {
			return true
		}
	}
	return false
}

// shadows says whether a statement gives input or an import another meaning,
// as Rego v0 allows.
func shadows(e *ast.Expr) bool {
	found := false
	check := func(t *ast.Term) {
		if v, ok := t.Value.(ast.Var); ok && (v == "input" || v == "helpers" || v == "data") {
			found = true
		}
	}
	switch terms := e.Terms.(type) {
	case *ast.SomeDecl:
		for _, t := range terms.Symbols {
			check(t)
		}
	case []*ast.Term:
		if e.IsAssignment() {
			ast.WalkTerms(terms[1], func(t *ast.Term) bool { check(t); return false })
		}
	}
	return found
}

// namesEnvironment says whether a module names an argument that is the
// environment of a program, in whichever way.
func namesEnvironment(m *ast.Module) (yes bool) {
	ast.WalkTerms(m, func(t *ast.Term) bool {
		if s, ok := t.Value.(ast.String); ok && (s == "env" || s == "envp") {
			yes = true
		}
		return yes
	})
	return yes
}
