package rego

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/tripline/tripline/matcher"
)

// The rules that a Tracee signature consists of.
const (
	traceeMatch  = "tracee_match"
	traceeMeta   = "__rego_metadoc__"
	traceeEvents = "tracee_selected_events"
)

// readTracee fills in what a Tracee signature says of itself.
func (l *Language) readTracee(s *signature, src source, m *ast.Module, h heads) []matcher.Problem {
	var problems []matcher.Problem
	warn := func(head, format string, args ...any) {
		loc := h[head]
		if loc == nil {
			loc = m.Package.Loc()
		}
		row, col := place(loc)
		problems = append(problems, src.warn(row, col, fmt.Sprintf(format, args...)))
	}

	meta, err := l.constant(s.compiler, m.Package.Path.Append(ast.StringTerm(traceeMeta)))
	if err != nil {
		warn(traceeMeta, "%s cannot be computed: %v", traceeMeta, err)
	}
	doc := map[string]any{}
	if given, ok := meta.(map[string]any); ok {
		doc = fold(given)
	} else {
		warn(traceeMeta, "no %s object: the rule is named after its package", traceeMeta)
	}
	if err := describe(s, doc); err != nil {
		warn(traceeMeta, "%v", err)
	}
	if s.rule.Info.ID == "" {
		s.rule.Info.ID = packageID(m)
	}
	if s.rule.Info.Name == "" {
		s.rule.Info.Name = s.rule.Info.ID
	}

	selected, err := l.constant(s.compiler, m.Package.Path.Append(ast.StringTerm(traceeEvents)))
	if err != nil {
		warn(traceeEvents, "%s cannot be computed: %v", traceeEvents, err)
	}
	list, _ := selected.([]any)
	for _, x := range list {
		sel, err := selector(x)
		switch {
		case err != nil:
			warn(traceeEvents, "%v", err)
		case !slices.ContainsFunc(s.rule.Select, func(o matcher.Selector) bool { return o.Event == sel.Event && o.Origin == sel.Origin }):
			s.rule.Select = append(s.rule.Select, sel)
		}
	}
	if len(s.rule.Select) == 0 {
		warn(traceeEvents, "never fires: %s selects no event", traceeEvents)
	}
	return problems
}

// selector reads one member of tracee_selected_events.
func selector(x any) (matcher.Selector, error) {
	var out matcher.Selector
	m, ok := x.(map[string]any)
	if !ok {
		return out, fmt.Errorf("%s holds %v, expected objects with source, name and origin", traceeEvents, x)
	}
	for _, k := range []string{"source", "name", "origin"} {
		if v, present := m[k]; present {
			if _, ok := v.(string); !ok {
				return out, fmt.Errorf("%s of a selected event is %v, expected a string", k, v)
			}
		}
	}
	if source, _ := m["source"].(string); source != "tracee" && source != "tripline" {
		return out, fmt.Errorf("source of a selected event is %q, expected \"tracee\": it selects nothing", source)
	}
	name, _ := m["name"].(string)
	origin, _ := m["origin"].(string)
	if name != "*" {
		out.Event = name
	}
	o, err := parseOrigin(origin)
	out.Origin = o
	return out, err
}

// parseOrigin reads "host", "container", and "" or "*" for both.
func parseOrigin(s string) (matcher.Origin, error) {
	switch s {
	case "", "*":
		return matcher.AnyOrigin, nil
	case "host":
		return matcher.HostOrigin, nil
	case "container":
		return matcher.ContainerOrigin, nil
	}
	return 0, fmt.Errorf("origin of a selected event is %q, expected host, container or *: it selects nothing", s)
}

// fold makes keys lower case; where two then meet, the one that was lower case
// counts.
func fold(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		low := strings.ToLower(k)
		if _, taken := m[low]; taken && low != k {
			continue
		}
		out[low] = v
	}
	return out
}

// packageID names a rule after its package, without the root that all have.
func packageID(m *ast.Module) string {
	var parts []string
	for _, t := range m.Package.Path[1:] {
		if s, ok := t.Value.(ast.String); ok {
			parts = append(parts, string(s))
		}
	}
	if len(parts) > 1 && (parts[0] == "tracee" || parts[0] == "tripline") {
		parts = parts[1:]
	}
	return strings.Join(parts, ".")
}

// constant evaluates what does not depend on an event; nil where it is
// undefined.
func (l *Language) constant(c *ast.Compiler, ref ast.Ref) (any, error) {
	q, err := newQuery(c, ref)
	if err != nil {
		return nil, err
	}
	cancel := topdown.NewCancel()
	timer := time.AfterFunc(l.cfg.LoadLimit, cancel.Cancel)
	defer timer.Stop()
	store, txn, err := emptyStore()
	if err != nil {
		return nil, err
	}
	var out any
	err = topdown.NewQuery(q.body).WithQueryCompiler(q.qc).WithCompiler(c).WithStore(store).WithTransaction(txn).WithCancel(cancel).
		Iter(context.Background(), func(r topdown.QueryResult) error {
			out, err = toGo(r[answer].Value)
			return err
		})
	if topdown.IsCancel(err) {
		err = fmt.Errorf("it takes more than %v", l.cfg.LoadLimit)
	}
	return out, err
}
