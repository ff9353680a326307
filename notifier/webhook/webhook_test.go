package webhook_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/notifier/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// config points at url; the rest is the default.
func config(url string) webhook.Config {
	c := webhook.DefaultConfig()
	c.URL = notifier.Secret(url)
	return c
}

func build(t *testing.T, cfg webhook.Config) *webhook.Sink {
	t.Helper()
	s, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	sinktest.HTTP(t, func(t *testing.T, url string, timeout time.Duration) notifier.Sink {
		c := config(url)
		c.Timeout = timeout
		return build(t, c)
	})
	sinktest.Run(t, func(t *testing.T) notifier.Sink {
		srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
		t.Cleanup(srv.Close)
		return build(t, config(srv.URL))
	})
}

// received is what a receiver got.
type received struct {
	method, path, host string
	header             http.Header
	body               []byte
}

// receiver records what it gets.
func receiver(t *testing.T) (url string, got *received) {
	t.Helper()
	got = &received{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*got = received{r.Method, r.URL.String(), r.Host, r.Header.Clone(), body}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func TestDefaultBodyIsTheDetection(t *testing.T) {
	url, got := receiver(t)
	s := build(t, config(url+"/in?x=1"))
	for _, sample := range sinktest.Samples() {
		if err := s.Deliver(t.Context(), sample.Detection); err != nil {
			t.Fatal(err)
		}
		if got.method != "POST" || got.path != "/in?x=1" {
			t.Errorf("%s %s", got.method, got.path)
		}
		if v := got.header.Get("Content-Type"); v != "application/json" {
			t.Errorf("content type %q", v)
		}
		if v := got.header.Get("Tripline-Detection-Id"); v != sample.Detection.ID {
			t.Errorf("id %q, want %q", v, sample.Detection.ID)
		}
		plain, err := json.Marshal(sample.Detection)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal(got.body, &a); err != nil {
			t.Fatalf("%s: %v in %q", sample.Name, err, got.body)
		}
		if err := json.Unmarshal(plain, &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: posted %s", sample.Name, got.body)
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

func TestRequestIsAsConfigured(t *testing.T) {
	url, got := receiver(t)
	cfg := webhook.DefaultConfig()
	cfg.URLFile = write(t, url+"/from-file\n")
	cfg.Method = "PUT"
	cfg.ContentType = "text/plain; charset=utf-8"
	cfg.TemplateFile = write(t, `{{.Rule.ID}} on {{.Host}}: {{toJson .Event.Comm}}`)
	cfg.Headers = map[string]notifier.Secret{"X-Team": "blue", "Host": "inner.example"}
	cfg.HeaderFiles = map[string]string{"Authorization": write(t, "Bearer abc\n")}
	if err := build(t, cfg).Deliver(t.Context(), sinktest.Hostile()); err != nil {
		t.Fatal(err)
	}
	if got.method != "PUT" || got.path != "/from-file" || got.host != "inner.example" {
		t.Errorf("%s %s for %s", got.method, got.path, got.host)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "X-Team": "blue", "Authorization": "Bearer abc",
	} {
		if v := got.header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	prefix, comm, _ := strings.Cut(string(got.body), ": ")
	var text string
	if err := json.Unmarshal([]byte(comm), &text); err != nil || prefix != "terminal-shell on test-host" || text != sinktest.HostileText {
		t.Errorf("body %q, %v", got.body, err)
	}
}

func TestSecretsStayOutOfErrors(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(400)
		// Long enough that cutting the answer could cut a secret in half.
		fmt.Fprintf(w, "%s %s %s %s", strings.Repeat("x", 200), r.URL, r.Header, strings.Repeat("t0p-s3cret ", 30))
	}))
	defer srv.Close()
	cfg := config(strings.Replace(srv.URL, "http://", "http://user:pa55w0rd@", 1) + "/services/T00/B00/hunter2?key=k3yk3y")
	cfg.Headers = map[string]notifier.Secret{"X-Key": "t0p-s3cret"}
	cfg.HeaderFiles = map[string]string{"Authorization": write(t, "Bearer abcdef")}
	err := build(t, cfg).Deliver(t.Context(), sinktest.Plain())
	if err == nil {
		t.Fatal("no error")
	}
	for _, secret := range []string{"pa55w0rd", "hunter2", "k3yk3y", "t0p-s3", "abcdef"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s is in: %v", secret, err)
		}
	}
	if !strings.Contains(err.Error(), "400 Bad Request: xxx") {
		t.Errorf("what the receiver says is not quoted: %v", err)
	}
	for _, shown := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg)} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, "t0p-s3cret") {
			t.Errorf("the configuration shows a secret: %s", shown)
		}
	}
}

func TestTrustedCertificate(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	cfg := config(srv.URL)
	cfg.TLS.CAFile = write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	if err := build(t, cfg).Deliver(t.Context(), sinktest.Plain()); err != nil {
		t.Error(err)
	}
}

func TestTemplateFailures(t *testing.T) {
	url, got := receiver(t)
	for _, c := range []struct{ name, template string }{
		{"no such field", "{{.Nothing}}"},
		{"bare detection", "{{.Event.Comm}}"},
		{"endless", `{{range $i := 1000000000}}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{end}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(url)
			cfg.Template = c.template
			err := build(t, cfg).Deliver(t.Context(), sinktest.Bare())
			if notifier.ReasonOf(err) != notifier.ReasonTemplate || notifier.Retryable(err) {
				t.Errorf("%v: want a template failure for good", err)
			}
			if got.method != "" {
				t.Errorf("something was posted: %q", bytes.TrimSpace(got.body))
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	good := func(change func(*webhook.Config)) webhook.Config {
		c := config("https://example.org/hook")
		change(&c)
		return c
	}
	for _, c := range []struct {
		name string
		cfg  webhook.Config
		want string
	}{
		{"no url", webhook.DefaultConfig(), "url (or url_file) is not given"},
		{"both urls", good(func(c *webhook.Config) { c.URLFile = "x" }), "url and url_file are both given"},
		{"no scheme", good(func(c *webhook.Config) { c.URL = "example.org" }), "url: begins with neither"},
		{"no host", good(func(c *webhook.Config) { c.URL = "https:///x" }), "url: has no host"},
		{"not a url", good(func(c *webhook.Config) { c.URL = "http://x\x7f" }), "url: is not a URL"},
		{"missing file", good(func(c *webhook.Config) { c.URL, c.URLFile = "", "/nonexistent" }), "url_file: open /nonexistent"},
		{"empty file", good(func(c *webhook.Config) { c.URL, c.URLFile = "", write(t, "\n") }), "is empty"},
		{"method", good(func(c *webhook.Config) { c.Method = "GET" }), `method: "GET" is neither`},
		{"content type", good(func(c *webhook.Config) { c.ContentType = "a\nb" }), "content_type"},
		{"timeout", good(func(c *webhook.Config) { c.Timeout = 0 }), "timeout: 0s"},
		{"header name", good(func(c *webhook.Config) { c.Headers = map[string]notifier.Secret{"a b": "x"} }), `"a b" is not a name`},
		{"header value", good(func(c *webhook.Config) { c.Headers = map[string]notifier.Secret{"A": "x\ny"} }), "the value of A holds"},
		{"header value in file", good(func(c *webhook.Config) { c.HeaderFiles = map[string]string{"A": write(t, "x\ny")} }), "cannot be in a header"},
		{"header twice", good(func(c *webhook.Config) {
			c.Headers, c.HeaderFiles = map[string]notifier.Secret{"A": "x"}, map[string]string{"A": "y"}
		}), "A is given here and in header_files"},
		{"template", good(func(c *webhook.Config) { c.Template = "{{" }), "template: template: template:1"},
		{"ca file", good(func(c *webhook.Config) { c.TLS.CAFile = write(t, "hello") }), "holds no certificate"},
		{"cert without key", good(func(c *webhook.Config) { c.TLS.CertFile = "x" }), "cert_file and key_file go together"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := webhook.New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}
