package rego

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher"
)

// ruleMaker writes random rules out of what rules are made of.
type ruleMaker struct {
	r    *rand.Rand
	vars int
	defs []string
}

func (g *ruleMaker) pick(list ...string) string { return list[g.r.IntN(len(list))] }

func (g *ruleMaker) fresh() string {
	g.vars++
	return fmt.Sprintf("v%d", g.vars)
}

// rule is a whole file.
func (g *ruleMaker) rule() string {
	var b strings.Builder
	b.WriteString(v1Head)
	b.WriteString("words := {\"nginx\", \"etcd\", \"/bin/bash\"}\nlist := [1, \"O_RDONLY\", true, [2]]\n")
	b.WriteString("same(x, y) if x == y\nkind(x) := \"text\" if is_string(x)\nelse := \"number\" if is_number(x)\nelse := \"other\"\n")
	for range 1 + g.r.IntN(3) {
		head := "tracee_match if {\n"
		if g.r.IntN(3) == 0 {
			head = "tracee_match := {\"x\": 1} if {\n"
		}
		b.WriteString(head)
		for range 1 + g.r.IntN(4) {
			b.WriteString("\t" + g.statement(2) + "\n")
		}
		b.WriteString("}\n")
	}
	for _, d := range g.defs {
		b.WriteString(d)
	}
	return b.String()
}

func (g *ruleMaker) text() string {
	return g.pick(`input.processName`, `input.eventName`, `input.containerId`, `input.argsByName.pathname`, `input.argsByName.flags`,
		`helpers.get_tracee_argument("pathname")`, `helpers.get_tracee_argument("flags")`, `input.process.exe`, `input.process.ancestors[0].comm`,
		`"nginx"`, `"/etc/passwd"`, `"O_RDONLY"`, `lower(input.argsByName.flags)`, `input.args[0].value`, `input.container.name`, `input.argsByName.nope`,
		`trim_prefix(input.argsByName.pathname, "/etc")`, `substring(input.processName, 0, 3)`, `concat("-", ["a", input.processName])`, `kind(input.argsByName.dev)`)
}

func (g *ruleMaker) numeric() string {
	return g.pick(`input.processId`, `input.userId`, `input.returnValue`, `input.argsNum`, `1`, `0`, `2.5`, `-2`, `1e3`, `count(input.args)`,
		`count(input.processName)`, `input.argsByName.dev`, `input.argsByName.inode`, `input.process.pid`, `input.process.cap_effective`, `input.processId + 1`, `input.userId % 3`, `18446744073709551615`)
}

func (g *ruleMaker) any() string {
	return g.pick(g.text(), g.numeric(), `input.container.labels`, `input.process.args`, `input.args`, `input.args[1]`, `null`, `true`, `{"tier": "front"}`,
		`["worker", "-x"]`, `{"a", 1}`, `input.argsByName`, `input.stackAddresses`, `[x | some x in input.process.args]`, `{a.name | some a in input.args}`, `{a.name: a.value | some a in input.args}`)
}

func (g *ruleMaker) statement(depth int) string {
	switch g.r.IntN(17) {
	case 0:
		return g.text() + " == " + g.text()
	case 1:
		return g.numeric() + " " + g.pick("<", "<=", ">", ">=", "==", "!=") + " " + g.numeric()
	case 2:
		return g.any() + " " + g.pick("==", "!=") + " " + g.any()
	case 3:
		return g.pick("startswith", "endswith", "contains") + "(" + g.text() + ", " + g.pick(`"/"`, `"n"`, `""`, `"O_"`, g.text()) + ")"
	case 4:
		return g.pick("", "not ") + g.text() + " in " + g.pick("words", "list", `["nginx", "x"]`, `input.process.args`, `{"a": "nginx"}`, "input.argsByName")
	case 5:
		return g.pick("", "not ") + "helpers." + g.pick("is_file_write", "is_file_read", "is_elf_file") + "(" + g.text() + ")"
	case 6:
		v := g.fresh()
		return v + " := " + g.any() + "; " + v + " " + g.pick("==", "!=") + " " + g.any()
	case 7:
		v := g.fresh()
		return "some " + v + " in " + g.pick("input.args", "input.process.ancestors") + "; " + v + "." + g.pick("name", "type", "comm", "value") + " == " + g.text()
	case 8:
		k, v := g.fresh(), g.fresh()
		return "some " + k + ", " + v + " in " + g.pick("input.argsByName", "input.process", "input.process.args", "list") + "; " + v + " == " + g.any() + "; " + k + " != 1"
	case 9:
		v := g.fresh()
		return "every " + v + " in " + g.pick("input.args", "words", "list", "[]", "input.process.args", "input.container.labels") + " { " + v + " != " + g.any() + " }"
	case 10:
		if depth > 0 {
			// A body of its own, so that "not" and what it needs go together.
			name := g.fresh()
			g.defs = append(g.defs, name+" if {\n\t"+g.statement(depth-1)+"\n\t"+g.statement(depth-1)+"\n}\n")
			return g.pick("", "not ") + name
		}
		return "true"
	case 11:
		return "regex.match(`^(/|O_)[a-zA-Z/]*`, " + g.text() + ")"
	case 12:
		return g.pick("", "not ") + "same(" + g.any() + ", " + g.any() + ")"
	case 13:
		return "kind(" + g.any() + ") " + g.pick("==", "!=") + " " + g.pick(`"text"`, `"number"`, `"other"`)
	case 14:
		return "count(" + g.pick("words", "list", g.any()) + ") " + g.pick(">", "==") + " " + g.pick("0", "2", "3")
	case 15:
		return "[" + g.fresh() + ", " + g.pick(`"-x"`, g.fresh()) + "] = input.process.args"
	default:
		return "object.get(input, " + g.pick(`"eventName"`, `"nope"`, `["process", "comm"]`) + ", \"d\") " + g.pick("==", "!=") + " " + g.text()
	}
}

// agree writes a rule and holds events against it with OPA alone and with the
// screen. It returns how many events the screen dismissed, of how many.
func agree(t *testing.T, r *rand.Rand, events int) (dismissed, of, findings int) {
	t.Helper()
	g := &ruleMaker{r: r}
	src := g.rule()
	var ws [2]matcher.Worker
	for i, screen := range []bool{false, true} {
		cfg := DefaultConfig()
		cfg.Screen = screen
		p, problems := New(cfg, quiet()).Load(files(src))
		if len(problems) > 0 || len(p.Rules()) != 1 {
			// Some rules are not well-formed: a variable is used in a way that
			// its type forbids. Both must say so.
			if i == 1 {
				t.Fatalf("loads without a screen, not with one: %v\n%s", problems, src)
			}
			return 0, 0, 0
		}
		w, err := p.NewWorker()
		if err != nil {
			t.Fatal(err)
		}
		ws[i] = w
	}
	s := ws[1].(*worker).p.signatures[0].screen
	if s == nil {
		return 0, 0, 0 // OPA's planner lacks some ways of unification
	}
	for range events {
		ev := randomEvent(t, r)
		var got [2]string
		for i, w := range ws {
			got[i] = "nothing"
			err := w.Match(0, ev, func(f matcher.Finding) { got[i] = fmt.Sprint("found ", f.Data) })
			if err != nil {
				got[i] = "error"
			}
		}
		if got[0] != got[1] {
			t.Fatalf("OPA says %s, with the screen it is %s, for %s of\n%s", got[0], got[1], pretty(t, ws[1].(*worker).doc.input().Value), src)
		}
		if got[0] != "nothing" {
			findings++
		}
		of++
		if ws[1].(*worker).machine.dismiss(s) {
			dismissed++
		}
	}
	return dismissed, of, findings
}

// TestRandomRules holds random events against random rules. The screen must
// rule out most of what OPA finds nothing in, or it is not worth having.
func TestRandomRules(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	var dismissed, of, findings, rules int
	for range 150 {
		d, n, f := agree(t, r, 12)
		dismissed, of, findings = dismissed+d, of+n, findings+f
		if n > 0 {
			rules++
		}
	}
	t.Logf("%d rules, %d evaluations, %d findings, %d dismissed by the screen", rules, of, findings, dismissed)
	if rules < 75 || findings < of/20 {
		t.Errorf("only %d rules and %d findings of %d: the test has little to say", rules, findings, of)
	}
	if nothing := of - findings; dismissed < nothing*2/3 {
		t.Errorf("%d of %d evaluations without a finding were dismissed", dismissed, nothing)
	}
}

// FuzzRules is TestRandomRules from any seed.
func FuzzRules(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { agree(t, rand.New(rand.NewPCG(a, b)), 8) })
}
