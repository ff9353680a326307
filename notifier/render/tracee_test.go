package render_test

import (
	"testing"
	"time"

	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/pkg/msg"
)

// TestTraceeTemplates runs what templates for tracee-rules are made of.
func TestTraceeTemplates(t *testing.T) {
	raw := int64(0)
	d := &msg.Detection{
		ID: "x", Time: time.Unix(1652238435, 0), Detected: time.Unix(1652238436, 0), Host: "box",
		Rule: msg.RuleInfo{ID: "TRC-2", Name: "Anti-Debugging", Version: "0.1.0", Properties: map[string]any{"Severity": 3}},
		Data: map[string]any{"a": 1},
		Event: &msg.EventJSON{
			Host: "box", Name: "ptrace", Comm: "strace", Return: -1, TID: 501,
			Args:      []msg.ArgJSON{{Name: "request", Type: "long", Value: "PTRACE_TRACEME", Raw: &raw}, {Name: "addr", Type: "void*"}},
			Process:   &msg.ProcessJSON{PID: 500, NSPID: 7, PPID: 400},
			Container: &msg.ContainerJSON{ID: "c0ffee", Name: "web"},
		},
	}
	for _, c := range []struct{ name, text, want string }{
		{"metadata", "{{ .SigMetadata.ID }} {{ .SigMetadata.Name }} {{ .SigMetadata.Version }} {{ .SigMetadata.Properties.Severity }}", "TRC-2 Anti-Debugging 0.1.0 3"},
		{"data", "{{ .Data }} {{ toJson .Data }}", `map[a:1] {"a":1}`},
		{"payload", "{{ with .Event.Payload }}{{ .ProcessName }} {{ .HostName }} {{ .ReturnValue }} {{ .EventName }} {{ .EventID }} {{ .ContainerID }}{{ end }}", "strace box -1 ptrace 101 c0ffee"},
		{"numbers", "{{ with .Event.Payload }}{{ .HostProcessID }} {{ .ProcessID }} {{ .HostThreadID }} {{ .HostParentProcessID }}{{ end }}", "500 7 501 400"},
		{"arguments", "{{ range .Event.Payload.Args }}{{ .Name }}={{ .Value }} {{ end }}{{ .Event.Payload.ArgsNum }}", "request=PTRACE_TRACEME 1"},
		{"headers", "{{ .Event.Headers.Origin }} {{ .Event.Headers.ContentType }}", "tracee/container tracee/event-ptrace"},
		{"time", `{{ dateInZone "2006-01-02T15:04:05Z" (now) "UTC" }}`, "2022-05-11T03:07:16Z"},
		{"as a detection", "{{ .Rule.ID }} {{ .Event.Comm }} {{ .Event.Container.Name }}", "TRC-2 strace web"},
		{"whole", `{{ toJson .Event.Container }}`, `{"id":"c0ffee","name":"web","privileged":false,"completeness":""}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			tpl, err := render.Parse("test", c.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tpl.Execute(d)
			if err != nil || string(got) != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// TestTemplateOfWholeDetection: the dot as a whole is the detection.
func TestTemplateOfWholeDetection(t *testing.T) {
	for _, s := range sinktest.Samples() {
		t.Run(s.Name, func(t *testing.T) {
			tpl, err := render.Parse("test", "{{ toJson . }}")
			if err != nil {
				t.Fatal(err)
			}
			want, err := render.JSON(s.Detection)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tpl.Execute(s.Detection)
			if err != nil || string(got) != string(want) {
				t.Errorf("%s, %v; want %s", got, err, want)
			}
		})
	}
}
