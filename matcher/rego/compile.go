package rego

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
)

// compile makes a rule of a parsed file; nil when it cannot run.
func (l *Language) compile(src source, m *ast.Module, lib library, memos memoNames) (*signature, []matcher.Problem) {
	c, err := l.compilerFor(lib, src.path, m)
	if err != nil {
		return nil, src.problems(err, l.denied)
	}
	if at := overgrown(c.Modules[src.path]); at != nil {
		row, col := place(at)
		return nil, []matcher.Problem{src.at(row, col, "", fmt.Sprintf("a value of more than %d parts", maxParts))}
	}
	heads := headsOf(m)
	s := &signature{compiler: c, own: slices.ContainsFunc(lib.packages(), m.Package.Path.HasPrefix) ||
		slices.ContainsFunc(lib.packages(), func(p ast.Ref) bool { return p.HasPrefix(m.Package.Path) })}
	s.rule.File = src.path

	problems := missingImports(src, m, lib)
	var match, output string
	switch {
	case heads.has(traceeMatch, traceeMeta, traceeEvents):
		match = traceeMatch
		problems = append(problems, l.readTracee(s, src, m, heads)...)
	case heads.has(leanMatch) && m.Package.Path.HasPrefix(ast.MustParseRef("data.tripline")):
		match, output = leanMatch, leanOutput
		problems = append(problems, readLean(s, src, m)...)
	default:
		row, col := place(m.Package.Loc())
		return nil, []matcher.Problem{src.at(row, col, "", "no rule here: expected tracee_match, or match in a package tripline.…; "+
			"a library's file name ends in helpers.rego")}
	}
	if slices.ContainsFunc(problems, func(p matcher.Problem) bool { return !p.Warning }) {
		return nil, problems
	}
	narrow(s.rule.Select, m, match, !s.own && lib.ownsTraceeHelpers())
	if s.rule.Environment == nil && namesEnvironment(m) {
		s.rule.Environment = []string{msg.WholeEnvironment}
	}
	if h, ok := heads[match]; ok {
		s.rule.Line, _ = place(h)
	} else {
		row, col := place(m.Package.Loc())
		s.rule.Line = row
		problems = append(problems, src.warn(row, col, "never fires: there is no "+match))
	}
	if s.match, err = newQuery(c, m.Package.Path.Append(ast.StringTerm(match))); err != nil {
		return nil, append(problems, src.problems(err, l.denied)...)
	}
	if output != "" && heads.has(output) {
		if s.output, err = newQuery(c, m.Package.Path.Append(ast.StringTerm(output))); err != nil {
			return nil, append(problems, src.problems(err, l.denied)...)
		}
	}
	if l.cfg.Screen {
		s.screen = l.newScreen(src.path, m, lib, match, !s.own, memos)
	}
	return s, problems
}

// missingImports warns of imports that nothing defines: to Rego they are merely
// undefined, so the rule would be silent for ever.
func missingImports(src source, m *ast.Module, lib library) []matcher.Problem {
	var out []matcher.Problem
	known := append(lib.packages(), m.Package.Path)
	for _, i := range m.Imports {
		ref, ok := i.Path.Value.(ast.Ref)
		if !ok || !ref.HasPrefix(ast.DefaultRootRef) {
			continue
		}
		if !slices.ContainsFunc(known, func(p ast.Ref) bool { return p.HasPrefix(ref) || ref.HasPrefix(p) }) {
			row, col := place(i.Loc())
			out = append(out, src.warn(row, col, fmt.Sprintf("%v is in no library: a library's file name ends in helpers.rego", ref)))
		}
	}
	return out
}

// heads are the rules of a module by name, with where the first of each is.
type heads map[string]*ast.Location

func headsOf(m *ast.Module) heads {
	h := heads{}
	for _, r := range m.Rules {
		name := r.Head.Ref()[0].Value.String()
		if _, ok := h[name]; !ok {
			h[name] = r.Loc()
		}
	}
	return h
}

func (h heads) has(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := h[n]; return ok })
}

// place is a position for people, zero where it is not known.
func place(l *ast.Location) (row, col int) {
	if l == nil {
		return 0, 0
	}
	return l.Row, l.Col
}
