package exprlang_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher/expr/exprlang"
	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/pkg/msg"
)

func lists(name string) ([]string, bool) {
	if name == "shells" {
		return []string{"sh", "bash"}, true
	}
	return nil, false
}

func parse(text string) (ast.Node, error) {
	return exprlang.Parse(ast.Plain(text), fields.NewTable(nil), lists)
}

// TestTranslate: what Falco's language has becomes the same check.
func TestTranslate(t *testing.T) {
	for in, want := range map[string]string{
		`proc.name == "sh"`: "proc.name = sh",
		`"sh" == proc.name`: "proc.name = sh",
		`3 < evt.rawres`:    "evt.rawres > 3",
		`evt.rawres >= -1`:  "evt.rawres >= -1",
		`proc.name != "sh" && not container.privileged`:      "(proc.name != sh and not container.privileged = true)",
		`proc.name in ["a b", "c"] or proc.name in shells`:   `(proc.name in ("a b", c) or proc.name in (sh, bash))`,
		`proc.name not in shells`:                            "not proc.name in (sh, bash)",
		`fd.name startsWith "/etc" and fd.name endsWith "x"`: "(fd.name startswith /etc and fd.name endswith x)",
		`proc.aname[2] == "x"`:                               "proc.aname[2] = x",
		`container.label["a.b"] == "x"`:                      "container.label[a.b] = x",
		`evt.arg.flags contains "O_TRUNC"`:                   "evt.arg.flags contains O_TRUNC",
		`proc.name == proc.pname`:                            "proc.name = val(proc.pname)",
		`lower(proc.name) == "sh"`:                           "tolower(proc.name) = sh",
		`basename(fd.name) in shells`:                        "basename(fd.name) in (sh, bash)",
		`len(proc.args) > 10`:                                "len(proc.args) > 10",
		`exists(proc.pname)`:                                 "proc.pname exists",
		`glob(fd.name, "/a/*")`:                              "fd.name glob /a/*",
		`glob(fd.name, "/a/*", "/b/*")`:                      "fd.name glob anyof (/a/*, /b/*)",
		`pmatch(fd.name, "/etc", "/usr")`:                    "fd.name pmatch (/etc, /usr)",
		`cidr(fd.sip, "10.0.0.0/8")`:                         "fd.snet in (10.0.0.0/8)",
		`ancestor("sshd", "cron")`:                           "proc.aname in (sshd, cron)",
		`ancestor(shells)`:                                   "proc.aname in (sh, bash)",
		`started and proc.name == "x"`:                       "(started and proc.name = x)",
	} {
		n, err := parse(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := ast.Print(n); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func event(parent bool) *fields.Event {
	var b msg.Builder
	var up []uint32
	if parent {
		up = []uint32{b.Process(&msg.Process{Pid: 1, Comm: "init"})}
	}
	p := b.Process(&msg.Process{Pid: 30, Ppid: 1, Comm: "sh", Args: []string{"sh", "-c", "id"}, Ancestors: up})
	b.Event(&msg.Event{Seq: 1, Type: 1001, Ret: -2, Process: p})
	e := fields.NewEvent()
	e.Set(b.Take().Record(0))
	return e
}

// TestRun: what it does not have runs as a program, which is false when one of
// its fields is absent.
func TestRun(t *testing.T) {
	for _, c := range []struct {
		text   string
		parent bool
		want   bool
	}{
		{`proc.name + ":" + proc.pname == "sh:init"`, true, true},
		{`proc.name + ":" + proc.pname != "x"`, false, false},
		{`not (proc.name + proc.pname == "x")`, false, true},
		{`proc.pid - proc.ppid > 28`, true, true},
		{`proc.cmdline matches "^sh\\s+-c"`, true, true},
		{`trim(proc.name) == "sh"`, true, true},
		{`(proc.pid > 10 ? proc.name : "x") == "sh"`, true, true},
		{`len(proc.name + "x") == 3 and proc.name == "sh"`, true, true},
		{`evt.failed == true ? true : false`, true, true},
		{`true and not false`, true, true},
	} {
		n, err := parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		compiled, _, err := check.Compile(n, fields.NewTable(nil))
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := check.Walk(compiled, event(c.parent)); got != c.want {
			t.Errorf("%s: got %t", c.text, got)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		text string
		at   int
		want string
	}{
		{`proc.name ==`, 11, "unexpected token"},
		{`proc.nmae == "x"`, 0, "there is no field proc.nmae"},
		{`evt.num > 1 and proc.nope`, 16, "there is no field proc.nope"},
		{`all(1..1000000000, # > 1)`, 5, "operator .. is not allowed"},
		{`len(1..100) > proc.pid`, 5, "operator .. is not allowed"},
		{`proc.name matches proc.pname`, 18, "must be a constant"},
		{`proc.name matches "("`, 18, "missing closing"},
		{`repeat(proc.name, 1000) == "x"`, 0, "what it costs has no bound"},
		{`proc.pname in [proc.name, "init"]`, 15, "must be constants"},
		{`proc.name in nothing`, 13, "there is no list 'nothing'"},
		{`nosuch(proc.name)`, 0, "there is no function 'nosuch'"},
		{`glob("a", "b")`, 5, "must be a field"},
		{`cidr(proc.name, "1.0.0.0/8")`, 5, "must be one of fd.ip"},
		{`proc.pid + "x" == "1"`, 9, "invalid operation"},
		{`proc.pid + 1`, 0, "expected bool"},
		{`started == true`, 0, "must stand by itself"},
		{`let x = proc.name; x == "a"`, 4, "let is not allowed"},
		{`proc.aname + "x" == "shx"`, 5, "only be compared with constants"},
	} {
		_, err := parse(c.text)
		if err == nil {
			t.Errorf("%s: accepted", c.text)
			continue
		}
		var e *ast.Error
		if !errors.As(err, &e) || !strings.Contains(e.Msg, c.want) {
			t.Errorf("%s: got %v, want …%s…", c.text, err, c.want)
			continue
		}
		if e.At.Off != c.at {
			t.Errorf("%s: at %d, want %d: %s", c.text, e.At.Off, c.at, e.Msg)
		}
	}
}

// FuzzParse: no expression makes it panic, and what is accepted runs.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`proc.name == "sh" and not (fd.name startsWith "/etc")`, `len(proc.name + proc.pname) > 4`, `cidr(fd.sip, ["10.0.0.0/8"])`,
		`proc.aname[2] in shells ? true : evt.failed`, `proc?.name == "x"`, `"é" == proc.name + "é"`, `[1,2][proc.pid] == 1`,
	} {
		f.Add(s)
	}
	table := fields.NewTable(nil)
	view := event(true)
	f.Fuzz(func(t *testing.T, s string) {
		n, err := exprlang.Parse(ast.Plain(s), table, lists)
		if err != nil {
			var e *ast.Error
			if !errors.As(err, &e) || e.At.Off > len(s) {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		if compiled, _, err := check.Compile(n, table); err == nil {
			check.Walk(compiled, view)
		}
	})
}
