package rego

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/rego"

	"github.com/tripline/tripline/matcher"
)

// reference evaluates rules by OPA's public interface, from the plain JSON of
// the input: nothing of ours but the text of the helpers is in it.
type reference []opa.PreparedEvalQuery

func newReference(tb testing.TB, fs []matcher.File) reference {
	tb.Helper()
	var out reference
	for _, f := range fs {
		mods, err := parseAny(f)
		if err != nil {
			tb.Fatal(err)
		}
		h := headsOf(mods[0])
		head := traceeMatch
		if !h.has(traceeMatch) {
			head = leanMatch
		}
		options := []func(*opa.Rego){
			opa.Query("x = " + mods[0].Package.Path.Append(ast.StringTerm(head)).String()), opa.ParsedModule(mods[0]),
		}
		for path, m := range Library() {
			m.Package.Location = &ast.Location{File: path, Row: 1, Col: 1}
			options = append(options, opa.ParsedModule(m))
		}
		q, err := opa.New(options...).PrepareForEval(context.Background())
		if err != nil {
			tb.Fatalf("%s: %v", f.Path, err)
		}
		out = append(out, q)
	}
	return out
}

func (q reference) match(i int, input any) (string, error) {
	rs, err := q[i].Eval(context.Background(), opa.EvalInput(input))
	if err != nil {
		return "", err
	}
	if len(rs) == 0 {
		return "nothing", nil
	}
	switch v := rs[0].Bindings["x"].(type) {
	case bool:
		if !v {
			return "nothing", nil
		}
		return "found null", nil
	case map[string]any:
		b, err := json.Marshal(v)
		return "found " + string(b), err
	default:
		return "nothing", nil
	}
}

// answer is what a worker finds, in the same words.
func answerOf(tb testing.TB, w matcher.Worker, i int, ev *matcher.Event) string {
	tb.Helper()
	out := "nothing"
	err := w.Match(i, ev, func(f matcher.Finding) {
		b, err := json.Marshal(f.Data)
		if err != nil {
			tb.Fatal(err)
		}
		out = "found " + string(b)
	})
	if err != nil {
		tb.Fatalf("%s: %v", ev.Name(), err)
	}
	return out
}

// jsonInput is the document after a way through plain JSON.
func jsonInput(tb testing.TB, ev *matcher.Event) any {
	tb.Helper()
	in, err := Input(ev, DefaultConfig().MaxString)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := json.Marshal(in)
	if err != nil {
		tb.Fatal(err)
	}
	v, err := ast.ValueFromReader(bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	x, err := ast.JSON(v)
	if err != nil {
		tb.Fatal(err)
	}
	return x
}

func workers(tb testing.TB, fs []matcher.File, screen bool) (matcher.Program, matcher.Worker) {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.Screen = screen
	p, problems := New(cfg, quiet()).Load(fs)
	for _, x := range problems {
		tb.Fatal(x.Error())
	}
	if len(p.Rules()) != len(fs) {
		tb.Fatalf("%d rules of %d files", len(p.Rules()), len(fs))
	}
	w, err := p.NewWorker()
	if err != nil {
		tb.Fatal(err)
	}
	return p, w
}

// TestSameAsOPA holds random events against all signatures three ways: OPA's
// public interface with plain JSON, ours without and with screens. Every rule
// gets every event, whatever it selects.
func TestSameAsOPA(t *testing.T) {
	for name, fs := range map[string][]matcher.File{"tracee": traceeFiles(t), "builtin": builtinFiles(t)} {
		t.Run(name, func(t *testing.T) {
			ref := newReference(t, fs)
			_, plain := workers(t, fs, false)
			p, screened := workers(t, fs, true)
			for i, s := range p.(*Program).signatures {
				if s.screen == nil {
					t.Errorf("%s has no screen", p.Rules()[i].File)
				}
			}
			r := rand.New(rand.NewPCG(1, 2))
			hits := map[string]int{}
			const n = 3000
			for range n {
				ev := randomEvent(t, r)
				in := jsonInput(t, ev)
				for i, rule := range p.Rules() {
					want, err := ref.match(i, in)
					if err != nil {
						t.Fatal(err)
					}
					got := []string{answerOf(t, plain, i, ev), answerOf(t, screened, i, ev)}
					if d := cmp.Diff([]string{want, want}, got); d != "" {
						t.Fatalf("%s on %v: %s", rule.Info.ID, in, d)
					}
					for _, sel := range rule.Select {
						if want != "nothing" && sel.Event == ev.Name() && !meets(sel, ev) {
							t.Fatalf("%s finds %s in an event that it asked to be spared: %+v", rule.Info.ID, want, sel)
						}
					}
					if want != "nothing" {
						hits[rule.Info.ID]++
					}
				}
			}
			for _, rule := range p.Rules() {
				if hits[rule.Info.ID] == 0 {
					t.Errorf("%s found nothing in %d events: the corpus does not try it", rule.Info.ID, n)
				}
			}
			t.Log(fmt.Sprint(hits))
		})
	}
}
