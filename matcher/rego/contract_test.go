package rego

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
)

const (
	v0Head = "package tracee.T\nimport data.tracee.helpers\n__rego_metadoc__ := {\"id\": \"T\"}\n" +
		"tracee_selected_events[x] { x := {\"source\": \"tracee\", \"name\": \"security_file_open\"} }\n"
	v1Head = "package tracee.T\nimport data.tracee.helpers\n__rego_metadoc__ := {\"id\": \"T\"}\n" +
		"tracee_selected_events contains {\"source\": \"tracee\", \"name\": \"security_file_open\"}\n"
)

// TestResults is what the kinds of results and ways of writing them mean. Each
// is held against an event that opens /etc/passwd for writing.
func TestResults(t *testing.T) {
	const nothing, noData = "nothing", "found null"
	for _, c := range []struct{ name, source, want string }{
		{"v0 true", v0Head + `tracee_match { input.eventName == "security_file_open" }`, noData},
		{"v1 true", v1Head + `tracee_match if input.eventName == "security_file_open"`, noData},
		{"false", v1Head + `tracee_match := input.eventName == "ptrace"`, nothing},
		{"undefined", v1Head + `tracee_match if input.eventName == "ptrace"`, nothing},
		{"default false", v0Head + "default tracee_match = false\n" + `tracee_match { input.eventName == "x" }`, nothing},
		{"default false, true", v0Head + "default tracee_match = false\n" + `tracee_match { input.argsNum > 0 }`, noData},
		{
			"object", v0Head + `tracee_match = res { res := {"n": 1, "f": 1.5, "s": {"b", "a"}, "nested": {"x": [null, true]}} }`,
			`found {"f":1.5,"n":1,"nested":{"x":[null,true]},"s":["a","b"]}`,
		},
		{"empty object", v1Head + `tracee_match := {} if input.argsNum > 0`, "found {}"},
		{"string", v1Head + `tracee_match := "yes"`, nothing},
		{"number", v1Head + `tracee_match := 1`, nothing},
		{"list", v1Head + `tracee_match := [true]`, nothing},
		{"set", v1Head + `tracee_match contains "x" if true`, nothing},
		{"null", v1Head + `tracee_match := null`, nothing},
		{"second body", v0Head + "tracee_match { false }\n" + `tracee_match { input.eventName == "security_file_open" }`, noData},
		{"two bodies agree", v0Head + "tracee_match { true }\ntracee_match { input.argsNum > 0 }", noData},
		{"two bodies conflict", v0Head + "tracee_match { true }\n" + `tracee_match = res { res := {"a": 1} }`, "error"},
		{"body and data of another event", v0Head + `tracee_match { input.eventName == "ptrace" }` + "\n" + `tracee_match = {"a": 1} { input.argsNum > 0 }`, `found {"a":1}`},
		{"else", v1Head + "tracee_match := false if input.argsNum == 0\nelse := {\"n\": 2}", `found {"n":2}`},
		{"old built-ins", v0Head + `tracee_match { re_match("^/etc", helpers.get_tracee_argument("pathname")); any([false, true]); all([true]); set_diff({1}, {1}) == set(); cast_array({1}) == [1] }`, noData},
		{"input renamed", v0Head + `tracee_match { input := {"a": 1}; input.a == 1 }`, noData},
		{"future keywords", strings.Replace(v0Head, "import data.tracee.helpers", "import data.tracee.helpers\nimport future.keywords.in", 1) + `tracee_match { "O_RDWR" in {input.args[_].value} }`, noData},
		{"argument", v0Head + `tracee_match = res { res := {"p": helpers.get_tracee_argument("pathname"), "d": helpers.get_tracee_argument("dev")} }`, `found {"d":271581185,"p":"/etc/passwd"}`},
		{"no such argument", v0Head + `tracee_match { helpers.get_tracee_argument("nope") }`, nothing},
		{"negated argument", v0Head + `tracee_match { not helpers.get_tracee_argument("nope") }`, noData},
		{"computed argument name", v0Head + `tracee_match { n := concat("", ["path", "name"]); helpers.get_tracee_argument(n) == "/etc/passwd" }`, noData},
		{"argument by number", v0Head + `tracee_match { input.args[0].value == "/etc/passwd"; input.args[0].type == "const char*"; not input.args[9] }`, noData},
		{"writable", v0Head + `tracee_match { helpers.is_file_write("O_CREAT|o_wronly"); helpers.is_file_write("O_RDWR"); helpers.is_file_write("O_RDONLY") == false }`, noData},
		{"writable of no string", v0Head + `tracee_match { helpers.is_file_write(5) == false; helpers.is_file_read(null) == false }`, noData},
		{"readable", v0Head + `tracee_match { helpers.is_file_read("O_RDONLY"); helpers.is_file_read("x|O_rdwr"); helpers.is_file_read("O_WRONLY") == false }`, noData},
		{"elf", v0Head + `tracee_match { helpers.is_elf_file("f0VMRgIBAQ=="); helpers.is_elf_file(base64.encode("?eLf")); not helpers.is_elf_file("AAAA"); not helpers.is_elf_file("!") }`, noData},
		{"whole input", v1Head + `tracee_match := {"names": sort([k | some k, _ in object.remove(input, ["x"]); startswith(k, "a")])}`, `found {"names":["args","argsByName","argsNum"]}`},
		{"input compared", v1Head + `tracee_match if { input.container.labels == {"tier": "front"}; input.process != {"a": 1}; is_object(input.process) }`, noData},
		{"input merged", v1Head + `tracee_match if object.union({"a": 1}, input).a == 1`, noData},
		{"input walked", v1Head + `tracee_match if { some path, v; walk(input.process, [path, v]); v == "/usr/bin/worker" }`, noData},
		{
			"input encoded", v1Head + `tracee_match := {"j": json.marshal(input.container.labels), "p": json.marshal(input.process.ancestors), "a": json.marshal(input.args[1])}`,
			`found {"a":"{\"name\":\"flags\",\"type\":\"string\",\"value\":\"O_RDWR\"}","j":"{\"tier\":\"front\"}","p":"[{\"args\":[],\"comm\":\"sh\",\"exe\":\"/bin/sh\",\"pid\":4200}]"}`,
		},
		{
			"input handed on", v1Head + `tracee_match := {"labels": input.container.labels, "first": input.process.ancestors[0], "args": input.argsByName}`,
			`found {"args":{"dev":271581185,"flags":"O_RDWR","inode":1311,"pathname":"/etc/passwd"},"first":{"args":[],"comm":"sh","exe":"/bin/sh","pid":4200},"labels":{"tier":"front"}}`,
		},
		{"with", v1Head + "opens if input.argsByName.pathname == \"/x\"\n" + `tracee_match if { opens with input as {"argsByName": {"pathname": "/x"}}; not opens }`, noData},
		{"pod", v1Head + `tracee_match := {"pod": sprintf("%s/%s", [input.pod.namespace, input.pod.name]), "ancestor": input.process.ancestors[0].comm}`, `found {"ancestor":"sh","pod":"shop/web-1"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, screen := range []bool{false, true} {
				cfg := DefaultConfig()
				cfg.Screen = screen
				p, problems := New(cfg, quiet()).Load(files(c.source))
				if len(problems) > 0 || len(p.Rules()) != 1 {
					t.Fatalf("%d rules, problems %v", len(p.Rules()), problems)
				}
				w, err := p.NewWorker()
				if err != nil {
					t.Fatal(err)
				}
				ev := open(t, "/etc/passwd", 2)
				if c.want == "error" {
					if err := w.Match(0, ev, func(matcher.Finding) { t.Error("a finding beside the error") }); err == nil || !strings.Contains(err.Error(), "conflict") {
						t.Errorf("screen %v: error is %v, expected a conflict", screen, err)
					}
					continue
				}
				if got := answerOf(t, w, 0, ev); got != c.want {
					t.Errorf("screen %v: %s, want %s", screen, got, c.want)
				}
			}
		})
	}
}

// TestMetadata is what a signature says of itself and what becomes of it.
func TestMetadata(t *testing.T) {
	const events = "\ntracee_selected_events contains {\"source\": \"tracee\", \"name\": \"ptrace\"}\ntracee_match if true\n"
	props := func(kv ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i].(string)] = kv[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name, source string
		want         msg.RuleInfo
		priority     msg.Priority
	}{
		{
			"full", `package tracee.TRC_9
__rego_metadoc__ := {"id": "X-1", "version": "0.1.0", "name": "N", "description": "D", "tags": ["a", 5, "b"], "properties": {"Severity": 3, "MITRE ATT&CK": "M", "Own": [1]}}` + events,
			msg.RuleInfo{
				ID: "X-1", Version: "0.1.0", Name: "N", Description: "D", Tags: []string{"a", "b"}, MITRE: "M",
				Properties: props("Severity", int64(3), "MITRE ATT&CK", "M", "Own", []any{int64(1)}),
			},
			msg.Error,
		},
		{
			"keys in any case", `package x
__rego_metadoc__ := {"ID": "X-1", "Name": "N", "PROPERTIES": {"SEVERITY": "2", "mitre att&ck": "M"}}` + events,
			msg.RuleInfo{ID: "X-1", Name: "N", MITRE: "M", Properties: props("SEVERITY", "2", "mitre att&ck", "M")},
			msg.Warning,
		},
		{"none", `package tracee.deep.TRC_9` + events, msg.RuleInfo{ID: "deep.TRC_9", Name: "deep.TRC_9"}, msg.Informational},
		{"computed", "package y\n__rego_metadoc__ := object.union({\"id\": id}, {\"name\": \"N\"})\nid := concat(\"-\", [\"A\", \"1\"])" + events, msg.RuleInfo{ID: "A-1", Name: "N"}, msg.Informational},
		{
			"high", "package y\n__rego_metadoc__ := {\"id\": \"A\", \"properties\": {\"severity\": \"HIGH\"}}" + events,
			msg.RuleInfo{ID: "A", Name: "A", Properties: props("severity", "HIGH")},
			msg.Error,
		},
		{
			"priority", "package y\n__rego_metadoc__ := {\"id\": \"A\", \"properties\": {\"severity\": \"notice\"}}" + events,
			msg.RuleInfo{ID: "A", Name: "A", Properties: props("severity", "notice")},
			msg.Notice,
		},
		{
			"beyond", "package y\n__rego_metadoc__ := {\"id\": \"A\", \"properties\": {\"severity\": 99999999999}}" + events,
			msg.RuleInfo{ID: "A", Name: "A", Properties: props("severity", int64(99999999999))},
			msg.Critical,
		},
		{"lean", `# METADATA
# title: N
# description: D
# custom:
#   id: L-1
#   severity: low
#   mitre: M
#   tags: [a]
#   version: 1
#   events: [ptrace]
#   properties: {own: 1}
package tripline.lean
match if true`, msg.RuleInfo{
			ID: "L-1", Name: "N", Description: "D", Version: "1", Tags: []string{"a"}, MITRE: "M",
			Properties: props("Severity", "low", "MITRE ATT&CK", "M", "own", 1),
		}, msg.Notice},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := load(t, c.source)
			if len(p.Rules()) != 1 {
				t.Fatalf("%d rules", len(p.Rules()))
			}
			r := p.Rules()[0]
			c.want.Language = "rego"
			if d := cmp.Diff(c.want, r.Info); d != "" {
				t.Error(d)
			}
			if r.Priority != c.priority {
				t.Errorf("priority %v, want %v", r.Priority, c.priority)
			}
			if r.File != "rulea.rego" || r.Line == 0 || len(r.Hash) != 64 {
				t.Errorf("place %s:%d, hash %s", r.File, r.Line, r.Hash)
			}
		})
	}
}

func TestSelectedEvents(t *testing.T) {
	const head = "package t\n__rego_metadoc__ := {\"id\": \"T\"}\ntracee_match if true\n"
	for _, c := range []struct {
		name, source string
		want         []matcher.Selector
		warns        bool
	}{
		{"name", `tracee_selected_events contains {"source": "tracee", "name": "ptrace"}`, []matcher.Selector{{Event: "ptrace"}}, false},
		{"every event", `tracee_selected_events contains {"source": "tracee"}`, []matcher.Selector{{}}, false},
		{"stars", `tracee_selected_events contains {"source": "tracee", "name": "*", "origin": "*"}`, []matcher.Selector{{}}, false},
		{
			"origins", `tracee_selected_events contains {"source": "tracee", "name": "ptrace", "origin": ["container", "host"][_]}`,
			[]matcher.Selector{{Event: "ptrace", Origin: matcher.ContainerOrigin}, {Event: "ptrace", Origin: matcher.HostOrigin}},
			false,
		},
		{
			"a list, one twice", `tracee_selected_events := [{"source": "tracee", "name": "a"}, {"source": "tracee", "name": "b"}, {"source": "tracee", "name": "a", "origin": ""}]`,
			[]matcher.Selector{{Event: "a"}, {Event: "b"}},
			false,
		},
		{"none", ``, nil, true},
		{"no source", `tracee_selected_events contains {"name": "ptrace"}`, nil, true},
		{"another source", `tracee_selected_events contains {"source": "k8s", "name": "ptrace"}`, nil, true},
		{"one good", `tracee_selected_events := [{"source": "k8s"}, {"source": "tracee", "name": "a"}, 5]`, []matcher.Selector{{Event: "a"}}, true},
		{"unknown origin", `tracee_selected_events contains {"source": "tracee", "name": "ptrace", "origin": "Container"}`, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, problems := New(DefaultConfig(), quiet()).Load(files(head + c.source))
			if len(p.Rules()) != 1 {
				t.Fatal(problems)
			}
			if d := cmp.Diff(c.want, p.Rules()[0].Select); d != "" {
				t.Error(d)
			}
			if (len(problems) > 0) != c.warns {
				t.Errorf("problems: %v", problems)
			}
			for _, x := range problems {
				if !x.Warning || x.Line == 0 {
					t.Errorf("expected a warning with a place: %+v", x)
				}
			}
		})
	}
}
