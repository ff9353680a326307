package expr

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// naive evaluates a condition as it is written, by comparing texts and numbers
// that it reads from the event, with none of the code that does so in earnest.
type naive struct {
	tb    testing.TB
	view  *fields.Event
	table *fields.Table
}

func (n *naive) holds(x ast.Node) bool {
	switch x := x.(type) {
	case *ast.And:
		for _, k := range x.Kids {
			if !n.holds(k) {
				return false
			}
		}
		return true
	case *ast.Or:
		return slices.ContainsFunc(x.Kids, n.holds)
	case *ast.Not:
		return !n.holds(x.Kid)
	case *ast.Check:
		return n.compares(x)
	}
	n.tb.Fatalf("a %T in a condition", x)
	return false
}

// values are those of an operand: texts, or numbers as texts; none when it is
// absent. Several says that one of them is enough.
func (n *naive) values(o ast.Operand) (all []string, several bool) {
	if call, ok := o.(*ast.Call); ok {
		in, _ := n.values(call.Args[0])
		for _, s := range in {
			switch call.Name {
			case "tolower":
				s = strings.ToLower(s)
			case "toupper":
				s = strings.ToUpper(s)
			case "basename":
				s = s[strings.LastIndexByte(s, '/')+1:]
			case "len":
				s = strconv.Itoa(len(s))
			default:
				n.tb.Fatalf("the transformer %s", call.Name)
			}
			all = append(all, s)
		}
		return all, false
	}
	f := o.(*ast.Field)
	ref, err := n.table.Resolve(f.Name, f.Arg, f.HasArg)
	if err != nil {
		n.tb.Fatal(err)
	}
	g := check.FieldOperand(ref).Bind(n.view)
	switch {
	case ref.Several():
		for i := range g.N() {
			if s, ok := g.StrAt(i); ok {
				all = append(all, s)
			}
		}
		return all, true
	case g.Str != nil:
		if s, ok := g.Str(); ok {
			return []string{s}, false
		}
	case g.Num != nil:
		if v, ok := g.Num(); ok {
			if ref.Type.Kind == fields.Bool {
				return []string{strconv.FormatBool(v != 0)}, false
			}
			return []string{strconv.FormatInt(v, 10)}, false
		}
	}
	return nil, false
}

func (n *naive) compares(c *ast.Check) bool {
	left, _ := n.values(c.Left)
	if c.Op == "exists" {
		return len(left) > 0
	}
	var right []string
	switch r := c.Right.(type) {
	case *ast.Values:
		for _, v := range r.Items {
			right = append(right, v.Text)
		}
	case ast.Operand:
		if right, _ = n.values(r); len(right) == 0 {
			return false // absent
		}
	}
	return slices.ContainsFunc(left, func(l string) bool {
		hits := 0
		for _, r := range right {
			if n.one(c.Op, l, r) {
				hits++
			}
		}
		switch c.Mod {
		case "oneof":
			return hits == 1
		case "allof":
			return hits == len(right) && hits > 0
		}
		return hits > 0
	})
}

// one compares two values.
func (n *naive) one(op, l, r string) bool {
	number := func(s string) int64 {
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			n.tb.Fatalf("%s is compared as a number", s)
		}
		return v
	}
	matches := func(pattern string) bool {
		return regexp.MustCompilePOSIX("^(" + pattern + ")$").MatchString(strings.ReplaceAll(l, "\n", " "))
	}
	glob := func(l, r string) bool {
		p := regexp.QuoteMeta(r)
		p = strings.ReplaceAll(strings.ReplaceAll(p, `\*`, `.*`), `\?`, `.`)
		return regexp.MustCompile("(?s)^" + p + "$").MatchString(l)
	}
	switch op {
	case "=", "==", "in", "intersects":
		return l == r
	case "!=":
		return l != r
	case "<":
		return number(l) < number(r)
	case "<=":
		return number(l) <= number(r)
	case ">":
		return number(l) > number(r)
	case ">=":
		return number(l) >= number(r)
	case "contains":
		return strings.Contains(l, r)
	case "icontains":
		return strings.Contains(strings.ToLower(l), strings.ToLower(r))
	case "startswith":
		return strings.HasPrefix(l, r)
	case "endswith":
		return strings.HasSuffix(l, r)
	case "glob":
		return glob(l, r)
	case "iglob":
		return glob(strings.ToLower(l), strings.ToLower(r))
	case "regex":
		return matches(r)
	case "pmatch":
		some := func(s string) []string {
			return slices.DeleteFunc(strings.Split(s, "/"), func(c string) bool { return c == "" })
		}
		have, want := some(l), some(r)
		if len(want) > len(have) {
			return false
		}
		for i, w := range want {
			if !glob(have[i], w) {
				return false
			}
		}
		return true
	}
	n.tb.Fatalf("the operator %s", op)
	return false
}

// writer makes conditions at random.
type writer struct{ r *rand.Rand }

func (w writer) of(all ...string) string { return all[w.r.IntN(len(all))] }

func (w writer) condition(depth int) string {
	if depth == 0 || w.r.IntN(4) == 0 {
		return w.check()
	}
	switch w.r.IntN(5) {
	case 0:
		return "not " + w.primary(depth-1)
	case 1, 2:
		return w.primary(depth-1) + " and " + w.primary(depth-1)
	default:
		return w.primary(depth-1) + " or " + w.primary(depth-1)
	}
}

func (w writer) primary(depth int) string { return "(" + w.condition(depth) + ")" }

func (w writer) text() string {
	all := texts()
	return `"` + all[w.r.IntN(len(all))] + `"`
}

func (w writer) list(one func() string) string {
	items := make([]string, 1+w.r.IntN(4))
	for i := range items {
		items[i] = one()
	}
	return "(" + strings.Join(items, ", ") + ")"
}

func (w writer) check() string {
	number := func() string { return strconv.Itoa(w.r.IntN(8)) }
	pattern := func() string { return w.of(`"*sh"`, `"/etc/*"`, `"?h"`, `"*"`, `"/*/*d"`, `"a.*"`, `"sh -c ?"`) }
	path := func() string {
		return w.of("/etc", "/tmp", `"/home/*/x"`, "/", "/etc/passwd", `"/e?c/cron.d"`, `"/etc/*.conf"`, "etc")
	}
	texts := w.of("proc.name", "proc.pname", "proc.exepath", "fd.name", "proc.cmdline", "user.name", "container.image.repository",
		"proc.aname[2]", "proc.aname", "fd.directory", "proc.aexepath[1]", "tolower(proc.name)", "basename(fd.name)", "toupper(proc.pname)", "evt.arg.flags")
	numbers := w.of("proc.pid", "proc.ppid", "user.uid", "evt.rawres", "proc.vpid", "len(proc.name)", "thread.vtid", "fd.num")
	switch w.r.IntN(13) {
	case 0:
		return w.of("evt.type = openat", "evt.type != openat", "evt.type in (openat, execve, connect)", "evt.type exists", "evt.type in (open, openat2)", "evt.type = close")
	case 1:
		if texts == "proc.aname" {
			texts = "proc.pname" // names of ancestors are never empty but here
		}
		return w.of(texts, numbers) + " exists"
	case 2:
		return numbers + " " + w.of("=", "!=", "<", "<=", ">", ">=") + " " + number()
	case 3:
		return numbers + " in " + w.list(number)
	case 4:
		return w.of("container.privileged", "proc.is_exe_upper_layer", "proc.is_exe_from_memfd", "evt.is_open_write", "evt.is_open_read", "evt.failed") + " = " + w.of("true", "false")
	case 5:
		return texts + " " + w.of("in", "intersects") + " " + w.list(w.text)
	case 6:
		return texts + " " + w.of("glob", "iglob") + " " + pattern()
	case 7:
		return texts + " pmatch " + w.list(path)
	case 8:
		return texts + " regex " + w.of(`"(sh|bash)"`, `"/etc/.*"`, `"[a-z]*"`, `".*x"`, `"s?h+"`)
	case 9:
		return w.of("proc.name", "proc.pname", "fd.name", "tolower(proc.exepath)") + " " + w.of("=", "!=", "contains", "startswith", "endswith") + " " +
			w.of("val(proc.name)", "val(proc.pname)", "val(user.name)", "basename(fd.name)", "tolower(proc.name)")
	case 10:
		return texts + " " + w.of("=", "!=", "contains", "startswith", "endswith", "icontains") + " " + w.of("oneof", "anyof", "allof") + " " + w.list(w.text)
	case 11:
		return texts + " " + w.of("glob", "iglob") + " " + w.of("oneof", "anyof", "allof") + " " + w.list(pattern)
	default:
		return texts + " " + w.of("=", "!=", "==", "contains", "icontains", "startswith", "endswith") + " " + w.text()
	}
}

// compareNaive makes rules and events at random: all ways of evaluating and the
// naive walker agree on which hold.
func compareNaive(t *testing.T, r *rand.Rand, rules, events int) (held int) {
	t.Helper()
	var text strings.Builder
	w := writer{r}
	for i := range rules {
		fmt.Fprintf(&text, "- {rule: r%d, desc: d, output: o, priority: INFO, warn_evttypes: false, condition: '%s'}\n", i, w.condition(3))
	}
	cfg := DefaultConfig()
	cfg.RuleMatching = All
	loaded, problems := New(cfg, slog.New(slog.DiscardHandler)).Load([]matcher.File{{Path: "r.yaml", Content: []byte(text.String())}})
	for _, p := range problems {
		if !p.Warning {
			t.Fatal(p.Error())
		}
	}
	prog := loaded.(*Program)
	all := workers(t, prog)
	plain := &naive{t, fields.NewEvent(), fields.NewTable(nil)}
	for serial, rec := range randomRecords(r, events) {
		ev := &matcher.Event{Record: rec, Serial: uint64(serial) + 1}
		visible := plain.view.Set(ev.Record)
		for i, rule := range prog.loaded {
			want := visible && plain.holds(rule.Resolved)
			for name, w := range all {
				if got := finds(t, w, i, ev); got != want {
					t.Fatalf("%s\non %s: naively %t, %s %t\n%+v\n%+v", rule.Condition, plain.view.Type(), want, name, got, ev.Record.JSON(), ev.Record.JSON().Process)
				}
			}
			if want {
				held++
			}
		}
	}
	return held
}

// TestNaive: conditions at random mean what they say.
func TestNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	held := 0
	for range 20 {
		held += compareNaive(t, r, 60, 50)
	}
	if held < 10_000 || held > 50_000 {
		t.Errorf("%d of 60000 hold: the conditions are not about the events", held)
	}
}

// FuzzNaive is TestNaive with the fuzzer's seeds.
func FuzzNaive(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { compareNaive(t, rand.New(rand.NewPCG(a, b)), 20, 20) })
}
