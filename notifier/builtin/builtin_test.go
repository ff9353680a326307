package builtin_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tripline/tripline/notifier/builtin"
	"github.com/tripline/tripline/notifier/sinktest"
)

// load reads a configuration as the command does: over the defaults, unknown
// keys refused.
func load(text string) (builtin.Config, error) {
	cfg := builtin.DefaultConfig()
	err := yaml.Load([]byte(text), &cfg, yaml.WithKnownFields())
	if err == nil {
		err = cfg.Validate()
	}
	return cfg, err
}

func TestFromYAML(t *testing.T) {
	var posted []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		posted = append(posted, r.URL.Path+" "+r.Header.Get("X-Team"))
	}))
	defer srv.Close()
	urlFile := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(urlFile, []byte(srv.URL+"/secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := load(`
give_up: 5m
sinks:
  - {name: lines, type: stdout, format: json}
  - {name: people, type: stdout}
  - name: hook
    type: webhook
    url_file: ` + urlFile + `
    timeout: 3s
    headers: {X-Team: blue}
`)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.GiveUp != 5*time.Minute || cfg.RetryMax == 0 {
		t.Errorf("give_up %v, retry_max %v", cfg.GiveUp, cfg.RetryMax)
	}
	var out bytes.Buffer
	sinks, err := builtin.Sinks(cfg, builtin.Env{Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range sinks {
		names = append(names, s.Name)
		if err := s.Sink.Deliver(t.Context(), sinktest.Plain()); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	if got := strings.Join(names, " "); got != "lines people hook" {
		t.Errorf("sinks %s", got)
	}
	if text := out.String(); !strings.HasPrefix(text, `{"id":`) || !strings.Contains(text, "\n\n*** Detection ***\n") {
		t.Errorf("printed %q", text)
	}
	if len(posted) != 1 || posted[0] != "/secret blue" {
		t.Errorf("posted %q", posted)
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "sink: []", "sink"},
		{"unknown key of a sink", "sinks: [{name: a, type: stdout, formt: json}]", "formt"},
		{"key of another type", "sinks: [{name: a, type: stdout, url: 'http://x'}]", "url"},
		{"unknown type", "sinks: [{name: a, type: pigeon}]", `sink "a": type "pigeon" is not one of stdout, file, webhook`},
		{"no type", "sinks: [{name: a}]", `type "" is not one of`},
		{"no name", "sinks: [{type: stdout}]", `notifier.sinks[0]: the name "" is not of`},
		{"name", "sinks: [{name: 'a.b', type: stdout}]", `the name "a.b" is not of`},
		{"same name", "sinks: [{name: a, type: stdout}, {name: a, type: stdout}]", `notifier.sinks[1]: the name "a" is taken`},
		{"none", "sinks: []", "nobody would be told"},
		{"of the type", "sinks: [{name: a, type: webhook}]", "notifier.sinks[0] (a): url (or url_file) is not given"},
		{"of the stage", "give_up: -1s", "notifier: give_up: -1s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := load(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestDefaultsAndFlags(t *testing.T) {
	cfg := builtin.DefaultConfig()
	cfg.Sinks = append(cfg.Sinks, builtin.Webhook("hook", "http://localhost:1/x", "", "text/plain"), builtin.Stdout("lines", "falco"))
	sinks, err := builtin.Sinks(cfg, builtin.Env{Stdout: &bytes.Buffer{}})
	if err != nil || len(sinks) != 3 || sinks[0].Name != "stdout" {
		t.Errorf("%v, %v", sinks, err)
	}
	cfg.Sinks = append(cfg.Sinks, builtin.Stdout("bad", "xml"), builtin.SinkConfig{Name: "empty"})
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), `notifier.sinks[3] (bad): format: "xml"`) || !strings.Contains(err.Error(), "notifier.sinks[4]: has no type") {
		t.Errorf("Validate = %v", err)
	}
}
