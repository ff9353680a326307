package stdout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/notifier/stdout"
	"github.com/tripline/tripline/pkg/msg"
)

func format(name, template string) stdout.Config {
	return stdout.Config{Format: render.Format{Format: name, Template: template}}
}

func configs() map[string]stdout.Config {
	return map[string]stdout.Config{
		"classic":  format("classic", ""),
		"json":     format("json", ""),
		"falco":    format("falco", ""),
		"template": format("template", "{{.Priority}} {{terminal .Output}} {{with .Event}}{{terminal .Comm}}{{end}}\n"),
	}
}

func TestConformance(t *testing.T) {
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) notifier.Sink {
				s, err := stdout.New(cfg, &bytes.Buffer{})
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden freezes what is printed: scripts parse it.
func TestGolden(t *testing.T) {
	for name, cfg := range configs() {
		for _, sample := range sinktest.Samples() {
			if sample.Name == "huge" {
				continue
			}
			t.Run(name+"/"+sample.Name, func(t *testing.T) {
				got := printed(t, cfg, sample.Detection)
				file := filepath.Join("testdata", name+"-"+sample.Name+".txt")
				if *update {
					if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("printed:\n%s\nwant:\n%s", got, want)
				}
			})
		}
	}
}

func printed(t *testing.T, cfg stdout.Config, d *msg.Detection) string {
	t.Helper()
	var b bytes.Buffer
	s, err := stdout.New(cfg, &b)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestNothingEscapes holds every format against what an attacker may control:
// printable characters and line ends only, and no line that he made up.
func TestNothingEscapes(t *testing.T) {
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			for _, d := range []*msg.Detection{sinktest.Hostile(), sinktest.Huge()} {
				out := printed(t, cfg, d)
				for _, r := range out {
					if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0x2028 || r == 0x200b || r == 0xe0041) {
						t.Errorf("%U is printed as it is", r)
					}
				}
				for _, line := range strings.Split(out, "\n") {
					if line == "Signature ID: FAKE" {
						t.Error("a line was forged")
					}
				}
			}
		})
	}
}

// TestJSONIsFaithful proves that escaping for the terminal changes no value.
func TestJSONIsFaithful(t *testing.T) {
	d := sinktest.Hostile()
	out := printed(t, format("json", ""), d)
	if strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") {
		t.Fatalf("not one line: %q", out)
	}
	var got, want any
	plain, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(json.Unmarshal([]byte(out), &got), json.Unmarshal(plain, &want)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("printed %v\nwant %v", got, want)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestFailures(t *testing.T) {
	s, err := stdout.New(stdout.DefaultConfig(), failing{errors.New("disk full")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(t.Context(), sinktest.Plain()); notifier.ReasonOf(err) != notifier.ReasonIO || !notifier.Retryable(err) {
		t.Errorf("%v: want an I/O failure to try again", err)
	}
	s, err = stdout.New(format("template", "{{.Nothing}}"), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(t.Context(), sinktest.Plain()); notifier.ReasonOf(err) != notifier.ReasonTemplate || notifier.Retryable(err) {
		t.Errorf("%v: want a template failure for good", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  stdout.Config
		want string
	}{
		{"format", format("xml", ""), `format: "xml" is not one of classic, json, falco, template`},
		{"template without", format("template", ""), "template (or template_file) is not given"},
		{"template beside", format("json", "x"), "a template is given, but the format is json"},
		{"syntax", format("template", "{{.Host"), "template:1"},
		{"unknown function", format("template", "{{env \"HOME\"}}"), `function "env" not defined`},
		{"missing file", stdout.Config{Format: render.Format{Format: "template", TemplateFile: "/nonexistent.tmpl"}}, "template_file: open /nonexistent.tmpl"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := stdout.New(c.cfg, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}
