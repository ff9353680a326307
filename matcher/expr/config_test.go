package expr_test

import (
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/pkg/msg"
)

// two rules for the same event, of which the second is worse.
const two = `
- rule: broad
  desc: d
  condition: evt.type = execve and evt.rawres >= 0
  output: "broad %proc.name"
  priority: INFO
  tags: [a]
- rule: narrow
  desc: d
  condition: evt.type = execve and proc.name = sh and container.id = host
  output: "narrow %proc.name"
  priority: CRITICAL
  tags: [b, T1059]
`

// shell is the start of a shell by root on the host.
func shell() msg.Record {
	var b msg.Builder
	b.String("")
	p := b.Process(&msg.Process{Pid: 100, NsPid: 100, Comm: "sh", Args: []string{"sh"}, Cred: &msg.Credentials{}})
	b.Event(&msg.Event{Seq: 1, Time: 1_700_000_000_000_000_000, Type: 1001, Process: p, Tid: 100})
	return b.Take().Record(0)
}

// fired loads the rules with a configuration and says what fires for a shell.
func fired(t *testing.T, config string) []string {
	t.Helper()
	cfg := expr.DefaultConfig()
	if err := yaml.Unmarshal([]byte(config), &cfg); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	prog, problems := expr.New(cfg, slog.New(slog.DiscardHandler)).Load([]matcher.File{{Path: "r.yaml", Content: []byte(two)}})
	for _, p := range problems {
		t.Error(p.Error())
	}
	w, err := prog.NewWorker()
	if err != nil {
		t.Fatal(err)
	}
	rec := shell()
	var out []string
	for i := range prog.Rules() {
		if err := w.Match(i, &matcher.Event{Record: rec, Serial: 1}, func(f matcher.Finding) { out = append(out, f.Output) }); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestConfig(t *testing.T) {
	const tail = " container_id=host container_name=host container_image_repository=<NA> container_image_tag=<NA> k8s_pod_name=<NA> k8s_ns_name=<NA>"
	for _, c := range []struct{ name, config, want string }{
		{"first", "", "broad sh" + tail},
		{"all", "rule_matching: all", "broad sh" + tail + "|narrow sh" + tail},
		{"priority", "priority: warning", "narrow sh" + tail},
		{"disabled", "rules: [{disable: {rule: 'br*'}}]", "narrow sh" + tail},
		{"by tag", "rules: [{disable: {rule: '*'}}, {enable: {tag: a}}]", "broad sh" + tail},
		{"nothing appended", "append_output: []", "broad sh"},
		{"appended", "append_output: [{match: {tags: [a]}, extra_output: 'user=%user.name'}]", "broad sh user=root"},
		{"static field", "static_fields: {site: north}\nappend_output: [{extra_output: '%static.site'}]", "broad sh north"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(fired(t, c.config), "|"); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestConfigRefused(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{"rule_matching: some", "expected first or all"},
		{"max_state: 10000", "expected more than 10000"},
		{"rules: [{}]", "either enable or disable"},
		{"rules: [{enable: {}}]", "a rule or a tag"},
		{"append_output: [{extra_output: '%no.such'}]", "there is no field no.such"},
	} {
		cfg := expr.DefaultConfig()
		if err := yaml.Unmarshal([]byte(c.config), &cfg); err != nil {
			t.Fatal(err)
		}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want …%s…", c.config, err, c.want)
		}
	}
}

// TestSelectors: what the sensor must deliver follows from the conditions.
func TestSelectors(t *testing.T) {
	prog, _ := expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler)).Load([]matcher.File{{Path: "r.yaml", Content: []byte(two + `
- rule: everything
  desc: d
  condition: proc.name = x
  output: o
  priority: INFO
- rule: nothing of ours
  desc: d
  condition: evt.type = container and container.id != host
  output: o
  priority: INFO
`)}})
	show := func(r matcher.Rule) string {
		var out []string
		for _, s := range r.Select {
			out = append(out, s.Event+[]string{"", "@host", "@container"}[s.Origin])
		}
		return strings.Join(out, " ")
	}
	want := map[string]string{
		"broad":           "sched_process_exec",
		"narrow":          "sched_process_exec@host execve@host",
		"everything":      "",
		"nothing of ours": "",
	}
	for _, r := range prog.Rules() {
		if got := show(r); got != want[r.Info.Name] {
			t.Errorf("%s: got %q, want %q", r.Info.Name, got, want[r.Info.Name])
		}
	}
	r := prog.Rules()[1]
	if r.Info.ID != "narrow" || r.Info.MITRE != "T1059" || r.Line != 8 || len(r.Hash) != 64 || r.File != "r.yaml" {
		t.Errorf("got %+v", r)
	}
}
