package rego

import (
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tripline/tripline/matcher"
)

// The rules that Tripline's own form consists of.
const (
	leanMatch  = "match"
	leanOutput = "output"
)

// readLean fills in what the metadata comment of a package says of a rule in
// Tripline's own form.
func readLean(s *signature, src source, m *ast.Module) []matcher.Problem {
	row, col := place(m.Package.Loc())
	var note *ast.Annotations
	for _, a := range m.Annotations {
		if a.Scope == "package" {
			note = a
		}
	}
	if note == nil {
		return []matcher.Problem{src.at(row, col, "", "no metadata: expected a comment # METADATA right above the package")}
	}
	row, col = place(note.Location)
	custom := maps.Clone(note.Custom)
	take := func(k string) any {
		v := custom[k]
		delete(custom, k)
		return v
	}
	props, _ := take("properties").(map[string]any)
	props = maps.Clone(props)
	if props == nil {
		props = map[string]any{}
	}
	if v := take("severity"); v != nil {
		props["Severity"] = v
	}
	if v := take("mitre"); v != nil {
		props["MITRE ATT&CK"] = v
	}
	if v := take("environment"); v != nil {
		props[environmentKey] = v
	}
	doc := map[string]any{
		"id": take("id"), "version": take("version"), "name": note.Title, "description": note.Description,
		"tags": take("tags"), "properties": props,
	}
	var problems []matcher.Problem
	fail := func(format string, args ...any) {
		problems = append(problems, src.at(row, col, "", fmt.Sprintf(format, args...)))
	}
	if err := describe(s, doc); err != nil {
		fail("%v", err)
	}
	if s.rule.Info.ID == "" {
		s.rule.Info.ID = packageID(m)
	}
	if s.rule.Info.Name == "" {
		s.rule.Info.Name = s.rule.Info.ID
	}
	def, _ := take("origin").(string)
	origin, err := parseOrigin(def)
	if err != nil {
		fail("%v", err)
	}
	events, _ := take("events").([]any)
	if len(events) == 0 {
		fail("no events: expected custom.events, a list of names of events")
	}
	for _, x := range events {
		sel, err := leanSelector(x, origin)
		if err != nil {
			fail("%v", err)
			continue
		}
		s.rule.Select = append(s.rule.Select, sel)
	}
	for _, k := range slices.Sorted(maps.Keys(custom)) {
		fail("custom.%s is unknown, expected id, version, severity, mitre, tags, events, origin, environment or properties", k)
	}
	return problems
}

// leanSelector reads a name, or an object of name and origin.
func leanSelector(x any, origin matcher.Origin) (matcher.Selector, error) {
	switch v := x.(type) {
	case string:
		return matcher.Selector{Event: v, Origin: origin}, nil
	case map[string]any:
		name, _ := v["name"].(string)
		if o, ok := v["origin"].(string); ok {
			var err error
			if origin, err = parseOrigin(o); err != nil {
				return matcher.Selector{}, err
			}
		}
		if name != "" {
			return matcher.Selector{Event: name, Origin: origin}, nil
		}
	}
	return matcher.Selector{}, fmt.Errorf("custom.events holds %v, expected names of events, or objects with name and origin", x)
}
