package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

const (
	// maxThreads bounds how many threads are remembered.
	maxThreads = 1000
	// maxAnswer bounds what is read of an answer, which repeats the message.
	maxAnswer = 256 << 10
)

// bot posts with the Web API, repetitions into the thread of the first.
type bot struct {
	cfg    Config
	post   *httppost.Poster
	update *httppost.Poster

	mu      sync.Mutex
	threads map[string]*thread
}

// thread is what is known of one that was begun.
type thread struct {
	ts    string // Slack's name for the first message
	first *msg.Detection
	count int
	begun time.Time
}

func newBot(cfg Config) (*bot, error) {
	token, err := notifier.RequireSecret("token", cfg.Token, cfg.TokenFile)
	if err != nil {
		return nil, err
	}
	if !httpguts.ValidHeaderFieldValue(string(token)) {
		return nil, errors.New("token: what it holds cannot be in a header")
	}
	header := http.Header{"Authorization": {"Bearer " + string(token)}, "Content-Type": {"application/json; charset=utf-8"}}
	target := cfg.Target
	target.URL = notifier.Secret(cfg.APIURL)
	api, err := target.Open(nil, header, token)
	if err != nil {
		return nil, err
	}
	return &bot{cfg: cfg, post: api.To("chat.postMessage"), update: api.To("chat.update"), threads: map[string]*thread{}}, nil
}

// call is a message with where it belongs.
type call struct {
	Channel  string `json:"channel"`
	ThreadTS string `json:"thread_ts,omitempty"`
	TS       string `json:"ts,omitempty"`
	message
}

// deliver posts one detection.
func (b *bot) deliver(ctx context.Context, d *msg.Detection) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := fmt.Sprintf("%q", []string{d.Rule.ID, d.Host, containerOf(d)})
	t := b.threads[key]
	if t != nil && time.Since(t.begun) >= b.cfg.Thread {
		delete(b.threads, key)
		t = nil
	}
	c := call{Channel: b.cfg.Channel, message: compose(d)}
	if t != nil {
		c.ThreadTS = t.ts
	}
	ts, err := ask(ctx, b.post, c)
	var gone *goneError
	if t != nil && errors.As(err, &gone) {
		// Somebody removed the first one: begin anew.
		delete(b.threads, key)
		t, c.ThreadTS = nil, ""
		ts, err = ask(ctx, b.post, c)
	}
	if err != nil {
		return err
	}
	n := 1
	if d.Group != nil {
		n = d.Group.Count
	}
	if t == nil {
		b.remember(key, &thread{ts, d, n, time.Now()})
		return nil
	}
	t.count += n
	// Everything is there; that the first one says how many there are by now
	// is a courtesy, which may fail.
	head := call{Channel: b.cfg.Channel, TS: t.ts, message: compose(t.first)}
	head.Blocks = append(head.Blocks, block{Type: "context", Elements: []text{
		mrkdwn(fmt.Sprintf("%d times by now, last at %s; see the thread", t.count, d.Time.UTC().Format(time.RFC3339))),
	}})
	_, _ = ask(ctx, b.update, head)
	return nil
}

// remember keeps a thread, and forgets the oldest when there are too many.
func (b *bot) remember(key string, t *thread) {
	if b.cfg.Thread == 0 || t.ts == "" {
		return
	}
	if len(b.threads) >= maxThreads {
		oldest := ""
		for k, x := range b.threads {
			if oldest == "" || x.begun.Before(b.threads[oldest].begun) {
				oldest = k
			}
		}
		delete(b.threads, oldest)
	}
	b.threads[key] = t
}

func containerOf(d *msg.Detection) string {
	if d.Event == nil || d.Event.Container == nil {
		return ""
	}
	return d.Event.Container.ID
}

// goneError says that a thread, or the message it hangs on, is not there.
type goneError struct{ error }

// ask calls the Web API, which says in the body of a 200 what went wrong.
func ask(ctx context.Context, p *httppost.Poster, c call) (ts string, err error) {
	body, err := render.JSON(c)
	if err != nil {
		return "", notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	raw, err := p.PostAnswer(ctx, body, maxAnswer)
	if err != nil {
		return "", err
	}
	var a struct {
		OK    bool   `json:"ok"`
		TS    string `json:"ts"`
		Error string `json:"error"`
	}
	if len(raw) == 0 {
		return "", nil // it has it, and says nothing
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return "", notifier.Fail(notifier.ReasonServer, errors.New("the answer is not that of Slack's Web API"))
	}
	if a.OK {
		return a.TS, nil
	}
	return "", judge(a.Error, fmt.Errorf("slack answers %s", render.Fit(100, p.Redact(a.Error), nil)))
}

// judge knows the errors of chat.postMessage.
// https://docs.slack.dev/reference/methods/chat.postMessage#errors
func judge(code string, err error) error {
	in := func(list ...string) bool { return slices.Contains(list, code) }
	switch {
	case in("thread_not_found", "message_not_found", "cant_update_message"):
		return &goneError{notifier.FailForGood(notifier.ReasonClient, err)}
	case in("ratelimited", "rate_limited", "message_limit_exceeded"):
		return notifier.Fail(notifier.ReasonRateLimited, err)
	case in("internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"):
		return notifier.Fail(notifier.ReasonServer, err)
	case in("invalid_auth", "not_authed", "account_inactive", "token_expired", "token_revoked", "missing_scope", "no_permission", "not_in_channel", "ekm_access_denied", "access_denied"):
		return notifier.FailForGood(notifier.ReasonAuth, err)
	}
	return notifier.FailForGood(notifier.ReasonClient, err)
}

// Unwrap gives the failure.
func (e *goneError) Unwrap() error { return e.error }

func (b *bot) close() error { return b.post.Close() }
