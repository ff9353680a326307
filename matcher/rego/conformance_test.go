package rego

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/topdown/cache"
)

// TestConformance runs OPA's own conformance cases through the screen. Where
// the screen gives an answer, it must be OPA's; how many it answers is logged
// and may not fall.
func TestConformance(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/open-policy-agent/opa").Output()
	if err != nil {
		t.Skip("needs the source of OPA, as the go command finds it: ", err)
	}
	root := filepath.Join(strings.TrimSpace(string(dir)), "v1/test/cases/testdata")
	answered := 0
	for version, v := range map[string]ast.RegoVersion{"v0": ast.RegoV0, "v1": ast.RegoV1} {
		set, err := cases.Load(filepath.Join(root, version))
		if err != nil {
			t.Skip("needs the conformance cases of OPA: ", err)
		}
		t.Run(version, func(t *testing.T) {
			var n, screened, sure int
			for _, c := range set.Cases {
				n++
				compiled, answer := conformance(t, c, v)
				if compiled {
					screened++
				}
				if answer {
					sure++
				}
			}
			t.Logf("%d cases, %d compiled, %d answered", n, screened, sure)
			answered += sure
		})
	}
	const least = 2000
	if answered < least {
		t.Errorf("%d cases answered, expected at least %d", answered, least)
	}
}

// conformance runs one case; compiled says that there is a screen of it, sure
// that the screen gave an answer.
func conformance(t *testing.T, c cases.TestCase, v ast.RegoVersion) (compiled, sure bool) {
	m := regexp.MustCompile(`^(data\.[\w.]+)\.(\w+) = (\w+)$`).FindStringSubmatch(c.Query)
	if m == nil || strings.HasPrefix(c.Note, "numbersrange") {
		return false, false
	}
	mods := map[string]*ast.Module{}
	var main *ast.Module
	options := []func(*opa.Rego){opa.Query(c.Query), opa.SetRegoVersion(v)}
	for i, text := range c.Modules {
		name := string(rune('a'+i)) + ".rego"
		mod, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: v})
		if err != nil {
			return false, false
		}
		options = append(options, opa.ParsedModule(mod))
		if main == nil && mod.Package.Path.String() == m[1] {
			main = mod
			continue
		}
		mods[name] = mod
	}
	if main == nil {
		return false, false
	}
	l := New(DefaultConfig(), quiet())
	policy, err := l.plan("main.rego", main, library{mods: mods}, m[2])
	if err != nil {
		return false, false
	}
	memos := memoNames{}
	a := &assembler{policy: policy, funcs: map[string]*function{}, memos: memos, anyInput: true}
	s, err := a.assemble(m[1] + "." + m[2])
	if err != nil {
		return false, false
	}
	var in value
	switch {
	case c.InputTerm != nil:
		term, err := ast.ParseTerm(*c.InputTerm)
		if err != nil {
			return true, false
		}
		in = ofAST(term.Value)
		options = append(options, opa.ParsedInput(term.Value))
	case c.Input != nil:
		x := ast.MustInterfaceToValue(*c.Input)
		in = ofAST(x)
		options = append(options, opa.ParsedInput(x))
	}
	if in.kind == undefined {
		// A rule of ours always has an input.
		in = ofAST(ast.NewObject())
		options = append(options, opa.ParsedInput(ast.NewObject()))
	}
	if c.Data != nil && len(*c.Data) > 0 {
		return true, false // no rule of ours has data
	}
	mach := newMachine(newDocument(1<<20), len(memos), cache.NewInterQueryValueCache(context.Background(), nil))
	mach.epoch = 1
	got, ok := mach.evaluate(s.entry, in)
	if !ok {
		return true, false
	}
	rs, err := opa.New(options...).Eval(context.Background())
	if err != nil {
		t.Errorf("%s (%s): the screen answers %v, OPA fails: %v", c.Note, c.Filename, got, err)
		return true, true
	}
	if len(rs) == 0 {
		if got.kind != undefined {
			t.Errorf("%s (%s): the screen answers %v, OPA finds nothing", c.Note, c.Filename, got)
		}
		return true, true
	}
	want := ast.MustInterfaceToValue(rs[0].Bindings[m[3]])
	if got.kind == undefined {
		t.Errorf("%s (%s): the screen finds nothing, OPA %v", c.Note, c.Filename, want)
		return true, true
	}
	x, ok := mach.toAST(&got)
	if !ok {
		t.Errorf("%s (%s): a result of kind %d", c.Note, c.Filename, got.kind)
		return true, true
	}
	// OPA's public interface makes lists of sets.
	plain, err := ast.JSONWithOpt(x, ast.JSONOpt{SortSets: true})
	if err != nil {
		t.Error(err)
	} else if ast.MustInterfaceToValue(plain).Compare(want) != 0 {
		t.Errorf("%s (%s): the screen answers %v, OPA %v", c.Note, c.Filename, x, want)
	}
	return true, true
}
