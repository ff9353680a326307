package telegram_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/notifier/telegram"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(url string) telegram.Config {
	cfg := telegram.DefaultConfig()
	cfg.APIURL, cfg.Token, cfg.ChatID = url, "123:"+sinktest.Secret, "-1001"
	return cfg
}

func open(t *testing.T, cfg telegram.Config) *telegram.Sink {
	t.Helper()
	s, err := telegram.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func build(t *testing.T, url string, timeout time.Duration) notifier.Sink {
	t.Helper()
	cfg := config(url)
	cfg.Timeout = timeout
	return open(t, cfg)
}

func TestConformance(t *testing.T) {
	sinktest.HTTP(t, build)
	sinktest.Run(t, func(t *testing.T) notifier.Sink { return build(t, sinktest.NewReceiver(t).URL, time.Minute) })
}

func TestGolden(t *testing.T) {
	r := sinktest.NewReceiver(t)
	sinktest.GoldenJSON(t, build(t, r.URL, time.Minute), r, 12_000)
}

// TestTelegramObeysNothing: no markup but ours, none of a process's making
// outside of code, and not too long at the worst.
func TestTelegramObeysNothing(t *testing.T) {
	r := sinktest.NewReceiver(t)
	s := open(t, config(r.URL))
	long := strings.Repeat("<\x1b&\xff", 50_000)
	worst := sinktest.Hostile()
	worst.Host, worst.Rule.ID, worst.Rule.Name, worst.Rule.MITRE, worst.Output = long, long, long, long, long
	p, c := worst.Event.Process, worst.Event.Container
	p.Comm, p.Exe, p.User, p.Args, p.Ancestors[0].Comm = long, long, long, []string{long}, long
	c.Name, c.Image, c.Pod.Name, worst.Event.Name = long, long, long, long
	element := regexp.MustCompile(`<(b|pre|code)>[^<>]+</(b|pre|code)>`)
	for _, d := range append(sinktest.Samples(), sinktest.Sample{Name: "worst", Detection: worst}) {
		if err := s.Deliver(t.Context(), d.Detection); err != nil {
			t.Fatal(err)
		}
		var m struct {
			Text      string
			ParseMode string `json:"parse_mode"`
			Preview   struct {
				Disabled bool `json:"is_disabled"`
			} `json:"link_preview_options"`
		}
		if err := json.Unmarshal(r.Last(t).Body, &m); err != nil {
			t.Fatal(err)
		}
		if n := len(utf16.Encode([]rune(m.Text))); n > 4096 || m.ParseMode != "HTML" || !m.Preview.Disabled {
			t.Errorf("%s: %d characters of %s", d.Name, n, m.ParseMode)
		}
		sinktest.Harmless(t, m.Text)
		outside := element.ReplaceAllString(m.Text, "")
		if strings.ContainsAny(outside, "<>@*") {
			t.Errorf("%s: outside of code: %q", d.Name, outside)
		}
		if bare := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(m.Text); strings.Contains(bare, "&") {
			t.Errorf("%s: not an entity in %q", d.Name, m.Text)
		}
	}
}

func TestRequest(t *testing.T) {
	r := sinktest.NewReceiver(t)
	cfg := config(r.URL + "/api/")
	cfg.Token, cfg.TokenFile = "", filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(cfg.TokenFile, []byte("77:a_b-C\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.ThreadID, cfg.Silent = 5, true
	if err := open(t, cfg).Deliver(t.Context(), sinktest.Plain()); err != nil {
		t.Fatal(err)
	}
	got := r.Last(t)
	if got.Method != "POST" || got.Path != "/api/bot77:a_b-C/sendMessage" {
		t.Errorf("%s %s", got.Method, got.Path)
	}
	for _, want := range []string{`"chat_id":"-1001"`, `"message_thread_id":5`, `"disable_notification":true`} {
		if !strings.Contains(string(got.Body), want) {
			t.Errorf("no %s in %s", want, got.Body)
		}
	}
}

// TestRetryAfterInBody: Telegram says in the body how long to wait.
func TestRetryAfterInBody(t *testing.T) {
	for _, c := range []struct {
		body, header string
		want         time.Duration
	}{
		{`{"ok":false,"error_code":429,"parameters":{"retry_after":35}}`, "", 35 * time.Second},
		{`{"ok":false,"parameters":{"retry_after":35}}`, "7", 7 * time.Second},
		{`{"ok":false,"parameters":{"retry_after":-35}}`, "", 0},
		{`{"ok":false,"parameters":{"retry_after":9223372036854775807}}`, "", 24 * time.Hour},
		{`{"ok":false}`, "", 0},
		{`busy`, "", 0},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if c.header != "" {
				w.Header().Set("Retry-After", c.header)
			}
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, c.body)
		}))
		err := open(t, config(srv.URL)).Deliver(t.Context(), sinktest.Plain())
		if got := notifier.RetryAfter(err); got != c.want || !notifier.Retryable(err) {
			t.Errorf("%s: after %v, want %v: %v", c.body, got, c.want, err)
		}
		srv.Close()
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*telegram.Config)
		want   string
	}{
		{"no token", func(c *telegram.Config) { c.Token = "" }, "token (or token_file) is not given"},
		{"both", func(c *telegram.Config) { c.TokenFile = "x" }, "token and token_file are both given"},
		{"not a token", func(c *telegram.Config) { c.Token = "1:x/../../y" }, "token: is not digits"},
		{"no chat", func(c *telegram.Config) { c.ChatID = "" }, `chat_id: ""`},
		{"chat", func(c *telegram.Config) { c.ChatID = "soc" }, `chat_id: "soc"`},
		{"thread", func(c *telegram.Config) { c.ThreadID = -1 }, "thread_id: -1"},
		{"api", func(c *telegram.Config) { c.APIURL = "telegram.org" }, "api_url: begins with neither"},
		{"timeout", func(c *telegram.Config) { c.Timeout = 0 }, "timeout: 0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config("https://api.telegram.org")
			c.change(&cfg)
			_, err := telegram.New(cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), sinktest.Secret) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}
