package rego

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/ir"
)

// A screen is a rule compiled to Go closures by way of OPA's intermediate
// representation. It only ever says that a rule finds nothing: whatever might
// be a finding, a conflict, or is beyond it is put to OPA, which gives the
// result. So a mistake of the screen can hide a finding but not make one, and
// what it cannot compile costs speed only.
//
// Rules share a memo per event: a library function called with the same
// constants by many rules runs once.
type screen struct {
	entry *function
}

// memoNames gives each memoised call its place among all screens of a program.
type memoNames map[string]int

func (n memoNames) slot(key string) int {
	i, ok := n[key]
	if !ok {
		i = len(n)
		n[key] = i
	}
	return i
}

// newScreen compiles the rule; nil when OPA's planner does not take it.
func (l *Language) newScreen(file string, m *ast.Module, lib library, match string, shared bool, memos memoNames) *screen {
	policy, err := l.plan(file, m, lib, match)
	if err == nil {
		a := &assembler{policy: policy, funcs: map[string]*function{}, memos: memos, file: file}
		if shared {
			a.share(lib)
		}
		var s *screen
		if s, err = a.assemble(m.Package.Path.String() + "." + match); err == nil {
			return s
		}
	}
	l.log.Debug("rule is evaluated by OPA alone", "file", file, "why", err)
	return nil
}

// plan has OPA make its intermediate representation of the rule.
func (l *Language) plan(file string, m *ast.Module, lib library, match string) (*ir.Policy, error) {
	b := &bundle.Bundle{Data: map[string]any{}}
	b.Manifest.Init()
	mods := lib.modules()
	mods[file] = m
	n := 0
	for _, mod := range mods {
		// Paths of our own: a bundle wants them unique and gives some a meaning.
		n++
		p := fmt.Sprintf("/%d.rego", n)
		b.Modules = append(b.Modules, bundle.ModuleFile{URL: p, Path: p, Parsed: mod.Copy()})
	}
	entry, err := entrypoint(m.Package.Path, match)
	if err != nil {
		return nil, err
	}
	c := compile.New().WithRegoVersion(ast.RegoV1).WithCapabilities(l.caps).WithTarget(compile.TargetPlan).
		WithPruneUnused(true).WithEntrypoints(entry).WithBundle(b)
	if err := c.Build(context.Background()); err != nil {
		return nil, err
	}
	if len(b.PlanModules) != 1 {
		return nil, fmt.Errorf("%d plans, expected 1", len(b.PlanModules))
	}
	policy := &ir.Policy{}
	if err := json.Unmarshal(b.PlanModules[0].Raw, policy); err != nil {
		return nil, err
	}
	return policy, nil
}

// entrypoint is a rule's name with slashes.
func entrypoint(pkg ast.Ref, rule string) (string, error) {
	parts, err := names(pkg)
	if err != nil {
		return "", err
	}
	return path.Join(append(parts, rule)...), nil
}

// names are the parts of a package below data.
func names(pkg ast.Ref) ([]string, error) {
	var parts []string
	for _, t := range pkg[1:] {
		s, ok := t.Value.(ast.String)
		if !ok || s == "" || strings.ContainsAny(string(s), "/%.") {
			return nil, fmt.Errorf("package %v cannot be named in a path", pkg)
		}
		parts = append(parts, string(s))
	}
	return parts, nil
}
