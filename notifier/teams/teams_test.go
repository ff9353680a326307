package teams_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/notifier/teams"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func build(t *testing.T, url string, timeout time.Duration) notifier.Sink {
	t.Helper()
	cfg := teams.DefaultConfig()
	cfg.URL = notifier.Secret(url)
	cfg.Timeout = timeout
	s, err := teams.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	sinktest.HTTP(t, build)
	sinktest.Run(t, func(t *testing.T) notifier.Sink { return build(t, sinktest.NewReceiver(t).URL, time.Minute) })
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*teams.Config)
		want   string
	}{
		{"no url", func(*teams.Config) {}, "url (or url_file) is not given"},
		{"both", func(c *teams.Config) { c.URL, c.URLFile = "http://x/y", "z" }, "url and url_file are both given"},
		{"no file", func(c *teams.Config) { c.URLFile = "/nonexistent" }, "url_file: open /nonexistent"},
		{"timeout", func(c *teams.Config) { c.URL, c.Timeout = "http://x/y", 0 }, "timeout: 0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := teams.DefaultConfig()
			c.change(&cfg)
			if _, err := teams.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}
