package rego

import (
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher"
)

// TestProblems is the text that a user sees for each kind of mistake.
func TestProblems(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"syntax, v0", "package tracee.X\n\ntracee_match {\n\tinput.a = \n}\n", "rulea.rego:5:1: unexpected } token (rego_parse_error)\n\t}\n\t^"},
		{"syntax, v1", "package tracee.X\n\ntracee_match if {\n\tinput.a ==\n}\n", "rulea.rego:5:1: unexpected } token (rego_parse_error)\n\t}\n\t^"},
		{"no package", "tracee_match if true\n", "rulea.rego:1:1: package expected (rego_parse_error)\n\ttracee_match if true\n\t^"},
		{"empty", "", "rulea.rego: "},
		{"binary", "\x00\x01\xff", "rulea.rego:1:1: "},
		{
			"network", "package tracee.X\ntracee_match {\n\thttp.send({\"method\": \"get\", \"url\": \"http://x\"}).status_code == 200\n}\n",
			"rulea.rego:3:2: http.send is not available: a rule may not use the network (rego_type_error)\n\t\thttp.send({\"method\"",
		},
		{"look-up", "package tracee.X\ntracee_match if net.lookup_ip_addr(\"x\")\n", "rulea.rego:2:17: net.lookup_ip_addr is not available: a rule may not use the network"},
		{"environment", "package tracee.X\ntracee_match if opa.runtime().env.PATH\n", "rulea.rego:2:17: opa.runtime is not available: a rule may not see the process it runs in"},
		{"clock", "package tracee.X\ntracee_match if time.now_ns() > 1\n", "rulea.rego:2:17: time.now_ns is not available: a rule must give the same answer for the same event"},
		{"chance", "package tracee.X\ntracee_match if rand.intn(\"x\", 2) > 1\n", "rulea.rego:2:17: rand.intn is not available"},
		{"uuid", "package tracee.X\ntracee_match if uuid.rfc4122(\"x\") == \"\"\n", "rulea.rego:2:17: uuid.rfc4122 is not available"},
		{"token", "package tracee.X\ntracee_match if io.jwt.decode(\"x\")\n", "rulea.rego:2:17: io.jwt.decode is not available: a rule may not do public-key cryptography"},
		{"certificate", "package tracee.X\ntracee_match if crypto.x509.parse_certificates(\"x\")\n", "rulea.rego:2:17: crypto.x509.parse_certificates is not available"},
		{"unsafe variable", "package tracee.X\ntracee_match if x > 1\n", "rulea.rego:2:17: var x is unsafe (rego_unsafe_var_error)"},
		{"recursion", "package tracee.X\ntracee_match if tracee_match\n", "rulea.rego:2:1: rule data.tracee.X.tracee_match is recursive"},
		{"no such helper", "package tracee.X\nimport data.tracee.helpers\ntracee_match if helpers.nope(\"x\")\n", "rulea.rego:3:17: undefined function data.tracee.helpers.nope (rego_type_error)"},
		{"type", "package tracee.X\ntracee_match if startswith(1, \"x\")\n", "rulea.rego:2:17: startswith: invalid argument(s)"},
		{"no rule", "package tracee.X\nx := 1\n", "rulea.rego:1:1: no rule here: expected tracee_match, or match in a package tripline.…"},
		{"lean, no metadata", "package tripline.x\nmatch if true\n", "rulea.rego:1:1: no metadata: expected a comment # METADATA right above the package\n\tpackage tripline.x\n\t^"},
		{"lean, no events", "# METADATA\n# title: T\npackage tripline.x\nmatch if true\n", "rulea.rego:1:1: no events: expected custom.events, a list of names of events"},
		{"lean, unknown key", "# METADATA\n# custom:\n#   events: [ptrace]\n#   orign: host\npackage tripline.x\nmatch if true\n", "rulea.rego:1:1: custom.orign is unknown, expected id, version,"},
		{"lean, bad origin", "# METADATA\n# custom:\n#   events: [ptrace]\n#   origin: pod\npackage tripline.x\nmatch if true\n", "rulea.rego:1:1: origin of a selected event is \"pod\""},
		{"lean, bad severity", "# METADATA\n# custom:\n#   events: [ptrace]\n#   severity: dire\npackage tripline.x\nmatch if true\n", "rulea.rego:1:1: severity is dire, expected 0 to 4,"},
	} {
		t.Run(c.name, func(t *testing.T) {
			const good = "package tracee.good\ntracee_selected_events contains {\"source\": \"tracee\", \"name\": \"ptrace\"}\n__rego_metadoc__ := {\"id\": \"G\"}\ntracee_match if true\n"
			p, problems := New(DefaultConfig(), quiet()).Load(files(c.source, good))
			if len(p.Rules()) != 1 || p.Rules()[0].Info.ID != "G" {
				t.Errorf("rules %+v, expected the good one alone", p.Rules())
			}
			if len(problems) == 0 {
				t.Fatal("no problem")
			}
			if got := problems[0].Error(); !strings.HasPrefix(got, c.want) || problems[0].Warning {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestWarnings are problems that leave the rule as it is.
func TestWarnings(t *testing.T) {
	p, problems := New(DefaultConfig(), quiet()).Load(files("package tracee.X\ntracee_match if true\n"))
	if len(p.Rules()) != 1 || p.Rules()[0].Info.ID != "X" {
		t.Fatalf("rules %+v", p.Rules())
	}
	var got []string
	for _, x := range problems {
		got = append(got, x.Error())
	}
	for i, want := range []string{
		"rulea.rego:1:1: warning: no __rego_metadoc__ object: the rule is named after its package",
		"rulea.rego:1:1: warning: never fires: tracee_selected_events selects no event",
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("problems %q, want %q", got, want)
		}
	}
}

func TestOwns(t *testing.T) {
	l := New(DefaultConfig(), quiet())
	for path, want := range map[string]bool{
		"a.rego": true, "dir/helpers.rego": true, "x_helpers.rego": true, "a_test.rego": false, "a.yaml": false, "rego": false,
	} {
		if l.Owns(path) != want {
			t.Errorf("Owns(%s) is %v", path, !want)
		}
	}
}

// TestLibraries is what files named *helpers.rego do for rules, and what a bad
// one does not do to them.
func TestLibraries(t *testing.T) {
	const rule = "\ntracee_selected_events contains {\"source\": \"tracee\", \"name\": \"ptrace\"}\n__rego_metadoc__ := {\"id\": \"%\"}\n"
	file := func(path, text string) matcher.File { return matcher.File{Path: path, Content: []byte(text)} }
	uses := func(id, imports, body string) matcher.File {
		return file(id+".rego", "package tracee."+id+"\n"+imports+strings.ReplaceAll(rule, "%", id)+"tracee_match if "+body+"\n")
	}
	fs := []matcher.File{
		uses("A", "import data.lib.mine", "mine.yes"),
		uses("B", "import data.tracee.helpers", "helpers.more(input.processName)"),
		uses("C", "import data.lib.bad", "bad.yes"),
		uses("D", "import data.tracee.helpers", "helpers.get_tracee_argument(\"request\") == \"PTRACE_TRACEME\""),
		uses("E", "import data.lib.old", "old.yes(\"x\")"),
		file("my_helpers.rego", "package lib.mine\nyes if input.eventName == \"ptrace\"\n"),
		file("more_helpers.rego", "package tracee.helpers\nmore(x) if x == \"worker-thread\"\n"),
		file("bad_helpers.rego", "package lib.bad\nyes if http.send({})\n"),
		file("worse_helpers.rego", "package lib.worse\nyes if {\n"),
		file("old_helpers.rego", "package lib.old\nyes(x) { re_match(\"^x\", x) }\n"),
		file("dir/helpers.rego", "package tracee.helpers\nget_tracee_argument(n) := 1\n"),
	}
	p, problems := New(DefaultConfig(), quiet()).Load(fs)
	bad := map[string]int{}
	for _, x := range problems {
		bad[x.File]++
	}
	if len(problems) != 3 || !problems[2].Warning || bad["bad_helpers.rego"] != 1 || bad["worse_helpers.rego"] != 1 || bad["C.rego"] != 1 {
		t.Errorf("problems %v", problems)
	}
	w, err := p.NewWorker()
	if err != nil {
		t.Fatal(err)
	}
	ev := ptrace(t, 0)
	var found []string
	for i, r := range p.Rules() {
		if err := w.Match(i, ev, func(matcher.Finding) { found = append(found, r.Info.ID) }); err != nil {
			t.Error(err)
		}
	}
	if strings.Join(found, "") != "ABDE" {
		t.Errorf("found by %v, want A, B, D and E", found)
	}
}

// TestSamePackage loads rules whose packages have one name, or are within each
// other: none must see the other's parts.
func TestSamePackage(t *testing.T) {
	const head = "\ntracee_selected_events contains {\"source\": \"tracee\", \"name\": \"ptrace\"}\n"
	p := load(t,
		"package tracee.T\n__rego_metadoc__ := {\"id\": \"1\"}"+head+"who := \"one\"\ntracee_match := {\"who\": who} if true\n",
		"package tracee.T\n__rego_metadoc__ := {\"id\": \"2\"}"+head+"who := \"two\"\ntracee_match := {\"who\": who} if true\n",
		"package tracee\n__rego_metadoc__ := {\"id\": \"3\"}"+head+"tracee_match if not data.tracee.T.who\n",
		"package tracee.helpers\n__rego_metadoc__ := {\"id\": \"4\"}"+head+"who := 4\ntracee_match := {\"who\": who} if get_tracee_argument(\"pid\") == 12\n",
	)
	got, err := match(t, p, ptrace(t, 0))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || got[0].Data["who"] != "one" || got[1].Data["who"] != "two" || got[2].Data != nil || got[3].Data["who"] != int64(4) {
		t.Errorf("findings %+v", got)
	}
}
