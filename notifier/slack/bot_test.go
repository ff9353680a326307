package slack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/notifier/slack"
	"github.com/tripline/tripline/pkg/msg"
)

func buildBot(t *testing.T, url string, timeout time.Duration) notifier.Sink {
	t.Helper()
	cfg := slack.DefaultConfig()
	cfg.Token, cfg.Channel, cfg.APIURL, cfg.Timeout = sinktest.Secret, "C0123456789", url, timeout
	s, err := slack.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// workspace stands for Slack: the methods chat.postMessage and chat.update as
// they are documented.
type workspace struct {
	mu    sync.Mutex
	calls []string          // method and where
	heads map[string]string // by ts: the text of its last block
	n     int
	say   string // an error to answer with, once
}

func (w *workspace) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var c struct {
		Channel, TS string
		ThreadTS    string `json:"thread_ts"`
		Blocks      []struct {
			Elements []struct{ Text string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil || c.Channel != "C0123456789" || r.Header.Get("Authorization") != "Bearer "+sinktest.Secret {
		fmt.Fprint(rw, `{"ok":false,"error":"invalid_auth"}`)
		return
	}
	if w.say != "" {
		_ = json.NewEncoder(rw).Encode(map[string]any{"ok": false, "error": w.say})
		w.say = ""
		return
	}
	if c.ThreadTS != "" && w.heads[c.ThreadTS] == "" {
		fmt.Fprint(rw, `{"ok":false,"error":"thread_not_found"}`)
		return
	}
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	w.calls = append(w.calls, strings.TrimSpace(method+" "+c.ThreadTS+c.TS))
	ts := c.TS
	if method == "chat.postMessage" {
		w.n++
		ts = fmt.Sprint("ts", w.n)
	}
	last := c.Blocks[len(c.Blocks)-1].Elements
	w.heads[ts] = last[0].Text
	fmt.Fprintf(rw, `{"ok":true,"ts":%q}`, ts)
}

func newWorkspace(t *testing.T) (*workspace, string) {
	t.Helper()
	w := &workspace{heads: map[string]string{}}
	srv := httptest.NewServer(w)
	t.Cleanup(srv.Close)
	return w, srv.URL + "/api"
}

// The receiver is one that does as Slack documents it: Slack's own is on the
// Internet only.
func TestBotConformance(t *testing.T) {
	sinktest.HTTPAnswering(t, buildBot, `{"ok":true,"ts":"1"}`)
	sinktest.Run(t, func(t *testing.T) notifier.Sink {
		_, url := newWorkspace(t)
		return buildBot(t, url, time.Minute)
	})
}

func TestThreads(t *testing.T) {
	w, url := newWorkspace(t)
	s := buildBot(t, url, time.Minute)
	defer s.(*slack.Sink).Close()
	deliver := func(change func(*msg.Detection)) {
		t.Helper()
		d := sinktest.Container()
		change(d)
		if err := s.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	same := func(*msg.Detection) {}
	deliver(same)
	deliver(same)
	deliver(func(d *msg.Detection) { d.Host = "other" })
	deliver(func(d *msg.Detection) { d.Group = &msg.Group{Count: 40} })
	want := []string{"chat.postMessage", "chat.postMessage ts1", "chat.update ts1", "chat.postMessage", "chat.postMessage ts1", "chat.update ts1"}
	if strings.Join(w.calls, ", ") != strings.Join(want, ", ") {
		t.Errorf("calls %v, want %v", w.calls, want)
	}
	if got := w.heads["ts1"]; !strings.HasPrefix(got, "42 times by now, last at 2022-05-11T03:07:15Z") {
		t.Errorf("the first message says %q", got)
	}
	// Somebody removed the first one.
	delete(w.heads, "ts1")
	w.calls = nil
	deliver(same)
	if len(w.calls) != 1 || w.calls[0] != "chat.postMessage" {
		t.Errorf("calls %v", w.calls)
	}
}

func TestBotErrors(t *testing.T) {
	w, url := newWorkspace(t)
	s := buildBot(t, url, time.Minute)
	defer s.(*slack.Sink).Close()
	for say, want := range map[string]struct {
		reason notifier.Reason
		retry  bool
	}{
		"ratelimited": {notifier.ReasonRateLimited, true}, "internal_error": {notifier.ReasonServer, true},
		"invalid_auth": {notifier.ReasonAuth, false}, "channel_not_found": {notifier.ReasonClient, false},
		sinktest.Secret + "\x1b": {notifier.ReasonClient, false},
	} {
		w.say = say
		err := s.Deliver(t.Context(), sinktest.Plain())
		if notifier.ReasonOf(err) != want.reason || notifier.Retryable(err) != want.retry || strings.Contains(err.Error(), sinktest.Secret) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v", say, err)
		}
	}
}

func TestBotRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*slack.Config)
		want   string
	}{
		{func(c *slack.Config) { c.URL = "https://x/y" }, "url: given beside a token"},
		{func(c *slack.Config) { c.Channel = "#general" }, `channel: "#general" is not the id`},
		{func(c *slack.Config) { c.Token = "" }, "url (or url_file) is not given"},
		{func(c *slack.Config) { c.Token = "a\nb" }, "cannot be in a header"},
		{func(c *slack.Config) { c.Thread = -1 }, "thread"},
		{func(c *slack.Config) { c.APIURL = "x" }, "api_url"},
	} {
		cfg := slack.DefaultConfig()
		cfg.Token, cfg.Channel = "xoxb-1", "C0123456789"
		c.change(&cfg)
		if _, err := slack.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New = %v, want %q", err, c.want)
		}
	}
}
