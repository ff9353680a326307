package slack_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/notifier/slack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func build(t *testing.T, url string, timeout time.Duration) notifier.Sink {
	t.Helper()
	cfg := slack.DefaultConfig()
	cfg.URL = notifier.Secret(url)
	cfg.Timeout = timeout
	s, err := slack.New(cfg)
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
	sinktest.GoldenJSON(t, build(t, r.URL, time.Minute), r, 20_000)
}

// TestSlackObeysNothing holds every message against Slack's rules: outside of
// code nothing stands but our own markup, inside nothing ends the code, and
// neither holds an unescaped <, with which every mention and link begins.
func TestSlackObeysNothing(t *testing.T) {
	r := sinktest.NewReceiver(t)
	s := build(t, r.URL, time.Minute)
	defer s.(*slack.Sink).Close()
	ours := regexp.MustCompile("^(\\*[A-Za-z0-9&; ]+\\*\n)?(`[^`]+`|```\n[^`]*\n```|–)$|^[0-9TZ:.-]+  `[^`]+`$")
	amp := regexp.MustCompile(`&(amp|lt|gt);`)
	for _, sample := range sinktest.Samples() {
		if err := s.Deliver(t.Context(), sample.Detection); err != nil {
			t.Fatal(err)
		}
		type text struct {
			Type, Text      string
			Verbatim, Emoji *bool
		}
		var m struct {
			Text        string
			UnfurlLinks *bool `json:"unfurl_links"`
			LinkNames   bool  `json:"link_names"`
			Mrkdwn      *bool
			Blocks      []struct {
				Type             string
				Text             *text
				Fields, Elements []text
			}
		}
		if err := json.Unmarshal(r.Last(t).Body, &m); err != nil {
			t.Fatal(err)
		}
		if m.Mrkdwn == nil || *m.Mrkdwn || m.UnfurlLinks == nil || *m.UnfurlLinks || m.LinkNames {
			t.Errorf("%s: markup, previews or names are on", sample.Name)
		}
		if len(m.Blocks) > 50 {
			t.Errorf("%s: %d blocks", sample.Name, len(m.Blocks))
		}
		check := func(x text, limit int) {
			t.Helper()
			sinktest.Harmless(t, x.Text)
			if n := len(x.Text); n == 0 || n > limit {
				t.Errorf("%s: a text of %d bytes", sample.Name, n)
			}
			if bare := amp.ReplaceAllString(x.Text, ""); strings.ContainsAny(bare, "<>&") {
				t.Errorf("%s: unescaped: %q", sample.Name, x.Text)
			}
			switch x.Type {
			case "mrkdwn":
				if x.Verbatim == nil || !*x.Verbatim || !ours.MatchString(x.Text) {
					t.Errorf("%s: markup: %q", sample.Name, x.Text)
				}
			case "plain_text":
				if x.Emoji == nil || *x.Emoji {
					t.Errorf("%s: emoji: %q", sample.Name, x.Text)
				}
			default:
				t.Errorf("%s: type %q", sample.Name, x.Type)
			}
		}
		for _, b := range m.Blocks {
			if b.Text != nil {
				check(*b.Text, map[string]int{"header": 150, "section": 3000}[b.Type])
			}
			if len(b.Fields) > 10 || len(b.Elements) > 10 {
				t.Errorf("%s: %d fields, %d elements", sample.Name, len(b.Fields), len(b.Elements))
			}
			for _, x := range append(b.Fields, b.Elements...) {
				check(x, 2000)
			}
		}
	}
}

func TestURLFromFile(t *testing.T) {
	r := sinktest.NewReceiver(t)
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte(r.URL+"/services/T0/B0/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := slack.DefaultConfig()
	cfg.URLFile = file
	s, err := slack.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Deliver(t.Context(), sinktest.Plain()); err != nil {
		t.Fatal(err)
	}
	got := r.Last(t)
	if got.Path != "/services/T0/B0/x" || got.Method != "POST" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s as %s", got.Method, got.Path, got.Header.Get("Content-Type"))
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*slack.Config)
		want   string
	}{
		{"no url", func(c *slack.Config) {}, "url (or url_file) is not given"},
		{"both", func(c *slack.Config) { c.URL, c.URLFile = "http://x/y", "z" }, "url and url_file are both given"},
		{"no url in it", func(c *slack.Config) { c.URL = "hooks.slack.com/x" }, "url: begins with neither"},
		{"timeout", func(c *slack.Config) { c.URL, c.Timeout = "http://x/y", 0 }, "timeout: 0s"},
		{"tls", func(c *slack.Config) { c.URL, c.TLS.CertFile = "http://x/y", "z" }, "cert_file and key_file go together"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := slack.DefaultConfig()
			c.change(&cfg)
			if _, err := slack.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}
