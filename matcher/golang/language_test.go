package golang_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/golang"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/msg"
)

// probe is a signature whose every method can be replaced.
type probe struct {
	meta      detect.SignatureMetadata
	metaErr   error
	selectors []detect.SignatureEventSelector
	selErr    error
	init      func() error
	onEvent   func(*probe, protocol.Event) error
	onSignal  func(*probe, detect.Signal) error
	closed    *int
	cb        detect.SignatureHandler
	n         int
}

func (p *probe) GetMetadata() (detect.SignatureMetadata, error) { return p.meta, p.metaErr }
func (p *probe) GetSelectedEvents() ([]detect.SignatureEventSelector, error) {
	return p.selectors, p.selErr
}

func (p *probe) Init(cb detect.SignatureHandler) error {
	p.cb = cb
	if p.init != nil {
		return p.init()
	}
	return nil
}

func (p *probe) OnEvent(e protocol.Event) error { return p.onEvent(p, e) }

func (p *probe) OnSignal(s detect.Signal) error {
	if p.onSignal != nil {
		return p.onSignal(p, s)
	}
	return nil
}

func (p *probe) Close() {
	if p.closed != nil {
		*p.closed++
	}
}

func load(l *golang.Language) ([]matcher.Rule, []matcher.Problem) {
	p, problems := l.Load(l.Files())
	return p.Rules(), problems
}

func TestRules(t *testing.T) {
	all := []detect.SignatureEventSelector{{Source: "tracee"}}
	for _, c := range []struct {
		name     string
		probe    *probe
		priority msg.Priority
		mitre    string
		sel      []matcher.Selector
		problem  string
	}{
		{
			name: "severity as int", priority: msg.Error, mitre: "Persistence: X", sel: []matcher.Selector{{}},
			probe: &probe{selectors: all, meta: detect.SignatureMetadata{Properties: map[string]any{"Severity": 3, "MITRE ATT&CK": "Persistence: X"}}},
		},
		{
			name: "severity as float and in lower case", priority: msg.Warning, sel: []matcher.Selector{{}},
			probe: &probe{selectors: all, meta: detect.SignatureMetadata{Properties: map[string]any{"severity": 2.0}}},
		},
		{
			name: "severity as a name", priority: msg.Alert, sel: []matcher.Selector{{}},
			probe: &probe{selectors: all, meta: detect.SignatureMetadata{Properties: map[string]any{"Severity": "ALERT"}}},
		},
		{
			name: "severity out of range", priority: msg.Critical, sel: []matcher.Selector{{}},
			probe: &probe{selectors: all, meta: detect.SignatureMetadata{Properties: map[string]any{"Severity": uint8(200)}}},
		},
		{
			name: "no severity, selectors in every form", priority: msg.Informational,
			sel: []matcher.Selector{
				{}, {Event: "openat"}, {Event: "openat", Origin: matcher.HostOrigin}, {Origin: matcher.ContainerOrigin}, {Event: "ptrace"},
			},
			probe: &probe{selectors: []detect.SignatureEventSelector{
				{Source: "tracee", Name: "*", Origin: "*"},
				{Source: "tracee", Name: "openat"},
				{Source: "tracee", Name: "openat", Origin: "host"},
				{Source: "tracee", Origin: "container"},
				{Name: "close"},
				{Source: "other", Name: "close"},
				{Source: "tracee", Name: "ptrace"},
			}},
		},
		{name: "metadata fails", probe: &probe{metaErr: errors.New("no paper")}, problem: "GetMetadata: no paper"},
		{name: "selectors fail", probe: &probe{selErr: errors.New("no pen")}, problem: "GetSelectedEvents: no pen"},
		{
			name: "origin that is none", problem: `origin "pod" of event "openat", expected host, container`,
			probe: &probe{selectors: []detect.SignatureEventSelector{{Source: "tracee", Name: "openat", Origin: "pod"}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules, problems := load(golang.New([]func() detect.Signature{func() detect.Signature { return c.probe }}, nil))
			if c.problem != "" {
				if len(rules) != 0 || len(problems) != 1 || !strings.Contains(problems[0].Message, c.problem) {
					t.Fatalf("rules %v, problems %v; want the problem %q", rules, problems, c.problem)
				}
				return
			}
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			r := rules[0]
			if r.Priority != c.priority || r.Info.MITRE != c.mitre || r.Info.Language != "golang" {
				t.Errorf("priority %s, MITRE %q, language %q", r.Priority, r.Info.MITRE, r.Info.Language)
			}
			if diff := cmp.Diff(c.sel, r.Select); diff != "" {
				t.Errorf("selectors (-want +got):\n%s", diff)
			}
			if r.File != "builtin:golang/language_test.go" || r.Line == 0 {
				t.Errorf("written at %s:%d", r.File, r.Line)
			}
		})
	}
}

func TestBadConstructors(t *testing.T) {
	l := golang.New([]func() detect.Signature{
		func() detect.Signature { return nil },
		func() detect.Signature { panic("no") },
		func() detect.Signature { return &probe{meta: detect.SignatureMetadata{ID: "good"}} },
	}, nil)
	rules, problems := load(l)
	if len(rules) != 1 || rules[0].Info.ID != "good" {
		t.Errorf("rules %v, want the good one", rules)
	}
	if len(problems) != 2 || !strings.Contains(problems[1].Message, "panicked while being loaded: no") {
		t.Errorf("problems %v", problems)
	}
}

func TestSourcesAndOwner(t *testing.T) {
	source := "package x // this file"
	l := golang.New([]func() detect.Signature{func() detect.Signature { return &probe{} }},
		fstest.MapFS{"golang/language_test.go": {Data: []byte(source)}})
	files := l.Files()
	if len(files) != 1 || string(files[0].Content) != source {
		t.Fatalf("files %v", files)
	}
	for path, want := range map[string]bool{
		files[0].Path: true, "builtin:golang/other.go": false, "/etc/rules/language_test.go": false, "x.rego": false,
	} {
		if l.Owns(path) != want {
			t.Errorf("Owns(%q) = %v", path, !want)
		}
	}
	if p, _ := l.Load(nil); len(p.Rules()) != 0 {
		t.Error("rules are loaded although the source builtin is not")
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		value any
		want  []string
	}{{[]string{"A", "B"}, []string{"A", "B"}}, {[]any{"A", 1}, []string{"A"}}, {"*", []string{"*"}}, {7, nil}, {nil, nil}} {
		p := &probe{selectors: []detect.SignatureEventSelector{{Source: "tracee"}}, meta: detect.SignatureMetadata{Properties: map[string]any{"environment": c.value}}}
		rules, problems := load(golang.New([]func() detect.Signature{func() detect.Signature { return p }}, nil))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if d := cmp.Diff(c.want, rules[0].Environment); d != "" {
			t.Errorf("%v: %s", c.value, d)
		}
	}
}
