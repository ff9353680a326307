package alertmanager_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/alertmanager"
	"github.com/tripline/tripline/notifier/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(url string, timeout time.Duration) alertmanager.Config {
	cfg := alertmanager.DefaultConfig()
	cfg.URL = notifier.Secret(url)
	cfg.Timeout = timeout
	cfg.Labels = map[string]string{"cluster": "eu-1"}
	return cfg
}

func build(t *testing.T, url string, timeout time.Duration) notifier.Sink {
	t.Helper()
	s, err := alertmanager.New(config(url, timeout))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	sinktest.HTTP(t, build)
	sinktest.Run(t, func(t *testing.T) notifier.Sink { return build(t, sinktest.NewReceiver(t).URL, time.Minute) })
}

func TestGolden(t *testing.T) {
	r := sinktest.NewReceiver(t)
	sinktest.GoldenJSON(t, build(t, r.URL, time.Minute), r, 40_000)
}

func TestAlertIsPlainText(t *testing.T) {
	r := sinktest.NewReceiver(t)
	s := build(t, r.URL+"/am/", time.Minute)
	defer s.(*alertmanager.Sink).Close()
	if err := s.Deliver(t.Context(), sinktest.Hostile()); err != nil {
		t.Fatal(err)
	}
	got := r.Last(t)
	if got.Method != "POST" || got.Path != "/am/api/v2/alerts" {
		t.Errorf("%s %s", got.Method, got.Path)
	}
	var alerts []struct{ Labels, Annotations map[string]string }
	if err := json.Unmarshal(got.Body, &alerts); err != nil || len(alerts) != 1 {
		t.Fatalf("%d alerts, %v", len(alerts), err)
	}
	for _, m := range []map[string]string{alerts[0].Labels, alerts[0].Annotations} {
		for name, value := range m {
			sinktest.Harmless(t, value)
			if strings.Contains(value, "\n") || value == "" {
				t.Errorf("%s: %q", name, value)
			}
		}
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCredentials(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*alertmanager.Config)
		want   string
	}{
		{"none", func(*alertmanager.Config) {}, ""},
		{"basic", func(c *alertmanager.Config) { c.Username, c.Password = "me", "pa55w0rd" }, "Basic bWU6cGE1NXcwcmQ="},
		{"basic from a file", func(c *alertmanager.Config) { c.Username, c.PasswordFile = "me", write(t, "pa55w0rd\n") }, "Basic bWU6cGE1NXcwcmQ="},
		{"bearer", func(c *alertmanager.Config) { c.Bearer = "pa55w0rd" }, "Bearer pa55w0rd"},
		{"bearer from a file", func(c *alertmanager.Config) { c.BearerFile = write(t, "pa55w0rd") }, "Bearer pa55w0rd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got string
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				got = r.Header.Get("Authorization")
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprintf(w, "%s is not enough, pa55w0rd", got)
			}))
			defer srv.Close()
			cfg := config(srv.URL, time.Minute)
			c.change(&cfg)
			s, err := alertmanager.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			err = s.Deliver(t.Context(), sinktest.Plain())
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if notifier.ReasonOf(err) != notifier.ReasonAuth {
				t.Errorf("%v, want auth", err)
			}
			if c.want != "" && (strings.Contains(err.Error(), "pa55w0rd") || strings.Contains(err.Error(), "bWU6")) {
				t.Errorf("the error holds the secret: %v", err)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*alertmanager.Config)
		want   string
	}{
		{"no url", func(c *alertmanager.Config) { c.URL = "" }, "url (or url_file) is not given"},
		{"label name", func(c *alertmanager.Config) { c.Labels = map[string]string{"a-b": "x"} }, `"a-b" is not a name`},
		{"reserved label", func(c *alertmanager.Config) { c.Labels = map[string]string{"__x": "x"} }, `"__x" is not a name`},
		{"own label", func(c *alertmanager.Config) { c.Labels = map[string]string{"host": "x"} }, "host is one that every alert has"},
		{"empty label", func(c *alertmanager.Config) { c.Labels = map[string]string{"x": ""} }, "x is empty"},
		{"password alone", func(c *alertmanager.Config) { c.Password = "x" }, "username and password"},
		{"username alone", func(c *alertmanager.Config) { c.Username = "x" }, "username and password"},
		{"both", func(c *alertmanager.Config) { c.Username, c.Password, c.Bearer = "x", "y", "z" }, "which one?"},
		{"bearer", func(c *alertmanager.Config) { c.Bearer = "a\nb" }, "no header may hold"},
		{"bearer in a file", func(c *alertmanager.Config) { c.BearerFile = write(t, "a\nb") }, "cannot be in a header"},
		{"no file", func(c *alertmanager.Config) { c.BearerFile = "/nonexistent" }, "bearer_file: open /nonexistent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config("http://localhost:9093", time.Minute)
			c.change(&cfg)
			if _, err := alertmanager.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}
