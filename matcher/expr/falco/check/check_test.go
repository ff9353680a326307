package check_test

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/parser"
)

// values is a source of fixed values: string, int64, bool, netip.Addr,
// []string for lists and []any for fields that stand for several.
type values map[string]any

func (v values) Bind(r *fields.Ref) *fields.Getter {
	x := v[r.Text]
	g := &fields.Getter{
		Str: func() (string, bool) { s, ok := x.(string); return s, ok },
		Num: func() (int64, bool) {
			if b, ok := x.(bool); ok {
				if b {
					return 1, true
				}
				return 0, true
			}
			n, ok := x.(int)
			return int64(n), ok
		},
		Float: func() (float64, bool) { f, ok := x.(float64); return f, ok },
		IP:    func() (netip.Addr, bool) { a, ok := x.(netip.Addr); return a, ok },
		List:  func() ([]string, bool) { l, ok := x.([]string); return l, ok },
	}
	if r.Several() {
		all, _ := x.([]any)
		g.N = func() int { return len(all) }
		g.StrAt = func(i int) (string, bool) { s, ok := all[i].(string); return s, ok }
		g.NumAt = func(i int) (int64, bool) { n, ok := all[i].(int); return int64(n), ok }
		g.IPAt = func(i int) (netip.Addr, bool) { a, ok := all[i].(netip.Addr); return a, ok }
	}
	return g
}

func compile(t *testing.T, condition string) (check.Node, []check.Warning, error) {
	t.Helper()
	n, err := parser.Parse(ast.Plain(condition), parser.RuleDepth)
	if err != nil {
		t.Fatal(err)
	}
	return check.Compile(n, fields.NewTable(nil))
}

func event() values {
	return values{
		"evt.type": "openat", "evt.rawres": -13, "evt.buffer": "\x01ELF\x00x", "evt.cpu": 3, "evt.failed": true,
		"proc.name": "Bash", "proc.args": "", "proc.pid": 77, "proc.tty": 34816, "user.uid": 1000,
		"proc.cmdline": "YmFzaCAtYw==", "thread.cpu": 0.5,
		"proc.aname": []any{"sh", "sshd"}, "proc.apid": []any{70, 1},
		"fd.name": "/etc/ssh/sshd_config", "fd.types": []string{"file", "ipv4"},
		"fd.sip": netip.MustParseAddr("10.1.2.3"), "fd.snet": netip.MustParseAddr("10.1.2.3"),
		"fd.sport": 443, "fd.port": []any{51000, 443},
		"fd.ip":  []any{netip.MustParseAddr("192.168.1.9"), netip.MustParseAddr("10.1.2.3")},
		"fd.net": []any{netip.MustParseAddr("192.168.1.9"), netip.MustParseAddr("10.1.2.3")},
	}
}

func TestConditions(t *testing.T) {
	for condition, want := range map[string]bool{
		// Text.
		"proc.name = Bash":                    true,
		"proc.name == bash":                   false,
		"proc.name != bash":                   true,
		"proc.name in (sh, Bash)":             true,
		"proc.name in (a, b, c, d, e, Bash)":  true,
		"proc.name in ()":                     false,
		"proc.name contains as":               true,
		"proc.name contains ''":               true,
		"proc.name icontains BAS":             true,
		"proc.name startswith Ba":             true,
		"proc.name endswith sh":               true,
		"proc.name glob 'B*h'":                true,
		"proc.name glob as":                   false,
		"proc.name iglob 'b?SH'":              true,
		"proc.name regex '[A-Z][[:alpha:]]+'": true,
		"proc.name regex as":                  false,
		"proc.args = ''":                      true,
		"proc.args exists":                    true,
		"fd.name pmatch (/etc)":               true,
		"fd.name pmatch (/etc/s)":             false,
		"fd.name pmatch ('/*/ssh', /x)":       true,
		"fd.name pmatch ('/*/y', '/e*/ss?')":  true,
		"fd.name pmatch (/)":                  true,
		"fd.name pmatch ()":                   false,
		"proc.name = oneof (Bash, Bash)":      false,
		"proc.name = oneof (Bash, sh)":        true,
		"proc.name contains allof (Ba, sh)":   true,
		"proc.name startswith anyof (x, B)":   true,
		"proc.name != allof (a, b)":           true,
		"proc.name != allof ()":               false,
		// Absent.
		"proc.pname = x":               false,
		"proc.pname != x":              false,
		"not proc.pname != x":          true,
		"proc.pname exists":            false,
		"proc.pname in ('')":           false,
		"proc.name = val(proc.pname)":  false,
		"proc.name != val(proc.pname)": false,
		"tolower(proc.pname) != x":     false,
		"not fd.cip = 1.2.3.4":         true,
		// Numbers.
		"evt.rawres < 0":           true,
		"evt.rawres = -13":         true,
		"evt.rawres in (1, -13)":   true,
		"evt.rawres >= -13":        true,
		"proc.pid = ' 077'":        true,
		"user.uid > -1":            false,
		"user.uid < -1":            true,
		"user.uid = 4294968296":    true, // wraps to 1000
		"evt.cpu = 65539":          true, // wraps to 3
		"proc.pid = anyof (1, 77)": true,
		"thread.cpu < 1":           true,
		"evt.failed = true":        true,
		"evt.failed != true":       false,
		"evt.failed in (false)":    false,
		// Addresses and ports.
		"fd.sip = 10.1.2.3":                     true,
		"fd.sip != ::1":                         true,
		"fd.snet = 10.0.0.0/8":                  true,
		"fd.snet = 2001::/16":                   false,
		"fd.snet != 2001::/16":                  true,
		"fd.snet in (1.0.0.0/8, 10.1.0.0/16)":   true,
		"fd.sport = https":                      true,
		"fd.sport = 65979":                      true, // truncated to 443
		"fd.port = 51000":                       true,
		"fd.port != 443":                        false,
		"fd.port != 80":                         true,
		"fd.ip in (10.1.2.3)":                   true,
		"fd.ip != 10.1.2.3":                     false,
		"fd.net in (172.16.0.0/12, 10.0.0.0/8)": true,
		// Ancestors: one of them is enough, for != too.
		"proc.aname = sshd":     true,
		"proc.aname != sshd":    true,
		"proc.aname in (a, sh)": true,
		"proc.aname = Bash":     false,
		"proc.apid in (1)":      true,
		"proc.aname exists":     true,
		// Bytes.
		`evt.buffer startswith "\x01ELF"`: true,
		"evt.buffer bcontains 4c4600":     true,
		"evt.buffer bstartswith 01454c":   true,
		`evt.buffer = "\x01ELF\x00x"`:     true,
		// Lists.
		"fd.types in (file, ipv4, x)":         true,
		"fd.types in (file)":                  false,
		"fd.types intersects (file)":          true,
		"fd.types intersects ()":              false,
		"len(fd.types) = 2":                   true,
		"toupper(fd.types) intersects (FILE)": true,
		// Transformers.
		"tolower(proc.name) = bash":                         true,
		"b64(proc.cmdline) = 'bash -c'":                     true,
		"b64(proc.name) exists":                             true,
		"b64(fd.name) exists":                               false,
		"basename(fd.name) = sshd_config":                   true,
		"len(proc.name) = 4":                                true,
		`concat(proc.name, "-", fd.name) startswith Bash-/`: true,
		`join(",", (proc.name, proc.pid)) = "Bash,77"`:      true,
		`join("+", fd.types) = file+ipv4`:                   true,
		`getopt(("-ab", "v", "x"), "ab:")[b] = v`:           true,
		`getopt(("-a", "--", "-b"), "ab") intersects (b)`:   false,
		`getopt(("-q"), "ab") intersects ("?")`:             true,
		"proc.name = val(proc.name)":                        true,
		"fd.name startswith val(proc.args)":                 true,
	} {
		t.Run(condition, func(t *testing.T) {
			n, _, err := compile(t, condition)
			if err != nil {
				t.Fatal(err)
			}
			if got := check.Walk(n, event()); got != want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		condition string
		at        int
		want      string
		unknown   bool
	}{
		{"proc.nam = x", 0, "there is no field proc.nam; did you mean proc.name?", true},
		{"proc.name[1] = x", 0, "takes no argument", true},
		{"container.label.app = x", 0, "there is no field", true},
		{"evt.arg = x", 0, "needs an argument", false},
		{"evt.arg.nonsense = x", 0, `no event has a parameter "nonsense"`, false},
		{"evt.rawarg[0] = 1", 0, "evt.rawarg.NAME", false},
		{"evt.rawarg.addr = 1", 0, "cannot be compared", false},
		{"evt.type = openatt", 11, "there is no event type 'openatt'; did you mean openat?", true},
		{"evt.type startswith open", 20, "", false}, // is a name by itself
		{"evt.type startswith op", 20, "there is no event type 'op'", true},
		{"proc.pid contains 1", 9, "the operator contains does not work on proc.pid", false},
		{"proc.pid = 0x10", 11, "expected decimal digits", false},
		{"proc.pid = 1.5", 11, "expected decimal digits", false},
		{"evt.failed = 1", 13, "true or false", false},
		{"fd.sip = 10.0.0", 9, "no IPv4 address", false},
		{"fd.sip = cafe", 9, "no IPv6 address", false},
		{"fd.snet = 10.0.0.0", 10, "no prefix length", false},
		{"fd.snet = 10.0.0.0/40", 10, "no valid prefix length", false},
		{"fd.sport = nosuchservice", 11, "neither a number nor a known service", false},
		{"fd.types = file", 9, "which is a list", false},
		{"fd.ip < 4", 6, "does not work on fd.ip", false},
		{`proc.name = "a\x00"`, 12, "never holds a NUL byte", false},
		{"proc.name = " + strings.Repeat("a", 256), 12, "more than 255", false},
		{"evt.buffer bcontains abc", 21, "even number of hex digits", false},
		{"evt.around[1] > 5", 14, "only has the operator =", false},
		{"tolower(proc.pid) = 1", 8, "does not work on proc.pid", false},
		{"tolower(proc.aname) = x", 8, "cannot be transformed", false},
		{"tolower(proc.name)[a] = x", 0, "takes nothing in brackets", false},
		{"user.uid = val(user.loginuid)", 15, "of type uint32 and user.loginuid of type int64", false},
		{"proc.name regex val(fd.name)", 20, "takes constants", false},
		{"proc.name = val(proc.aname)", 16, "cannot stand on the value side", false},
		{"fd.net = val(fd.sip)", 13, "networks are compared with constants", false},
		{"proc.name regex '[a'", 16, "missing closing ]", false},
		{`concat("a") = a`, 0, "two texts or more", false},
		{`join(fd.types, ("a")) = a`, 5, "the text between", false},
		{`getopt(proc.args, "a") intersects (a)`, 7, "list of arguments", false},
	} {
		t.Run(c.condition[:min(len(c.condition), 40)], func(t *testing.T) {
			_, _, err := compile(t, c.condition)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *ast.Error
			if !errors.As(err, &e) {
				t.Fatalf("accepted: %v", err)
			}
			if e.At.Off != c.at || !strings.Contains(e.Msg, c.want) || e.Unknown != c.unknown {
				t.Errorf("got %d %t: %s\nwant %d %t: …%s…", e.At.Off, e.Unknown, e.Msg, c.at, c.unknown, c.want)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for condition, want := range map[string]string{
		"proc.name = fd.name":              "write val(fd.name)",
		"proc.name = 'tolower( fd.name )'": "without quotes",
		"proc.name regex '.*sh'":           "slower",
		"proc.name regex 's.*h'":           "",
		"proc.name = no.field":             "",
		"proc.name in (a, fd.name)":        "write val(fd.name)",
	} {
		_, warnings, err := compile(t, condition)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, w := range warnings {
			got += w.Msg
		}
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", condition, got, want)
		}
	}
}

func TestEventTypes(t *testing.T) {
	for condition, want := range map[string]check.Types{
		"evt.type = open": set("open"),
		"evt.type in (open, creat) and proc.name = a":     set("open", "creat"),
		"evt.type = open or evt.type = creat":             set("open", "creat"),
		"evt.type = open or proc.name = a":                except(),
		"evt.type != open":                                except("open"),
		"not evt.type = open":                             except("open"),
		"not (evt.type = open or evt.type = creat)":       except("open", "creat"),
		"not (evt.type = open and proc.name = a)":         except(),
		"evt.type = open and not proc.name = a":           set("open"),
		"evt.type = open and evt.num = 0":                 set(),
		"evt.type = open and not evt.num = 0":             set("open"),
		"evt.num < 1":                                     set(),
		"evt.num >= 1":                                    except(),
		"evt.type in (open, creat) and evt.type != creat": set("open"),
		"evt.type exists and evt.type = open":             set("open"),
		"evt.type startswith open":                        except(),
		"syscall.type = open":                             set("open"),
	} {
		n, err := parser.Parse(ast.Plain(condition), parser.RuleDepth)
		if err != nil {
			t.Fatal(err)
		}
		got, err := check.EventTypes(n)
		if err != nil {
			t.Fatal(err)
		}
		if got.Except != want.Except || !reflect.DeepEqual(got.Sorted(), want.Sorted()) {
			t.Errorf("%s: got %+v, want %+v", condition, got, want)
		}
	}
	for _, condition := range []string{"tolower(evt.type) = open", "evt.type = val(proc.name)"} {
		n, err := parser.Parse(ast.Plain(condition), parser.RuleDepth)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := check.EventTypes(n); err == nil {
			t.Errorf("%s: accepted", condition)
		}
	}
}

func set(names ...string) check.Types {
	t := check.Types{Names: map[string]struct{}{}}
	for _, n := range names {
		t.Names[n] = struct{}{}
	}
	return t
}

func except(names ...string) check.Types {
	t := set(names...)
	t.Except = true
	return t
}
