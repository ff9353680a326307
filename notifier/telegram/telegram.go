package telegram

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Sink sends messages.
type Sink struct {
	cfg    Config
	poster *httppost.Poster
}

var _ notifier.Sink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	token, err := notifier.RequireSecret("token", cfg.Token, cfg.TokenFile)
	if err != nil {
		return nil, err
	}
	if err := checkToken("token_file", token); err != nil {
		return nil, err
	}
	method := func(u *url.URL) *url.URL { return u.JoinPath("bot"+string(token), "sendMessage") }
	p, err := cfg.target().Open(method, nil, token)
	if err != nil {
		return nil, err
	}
	p.RetryAfterIn(retryAfter)
	return &Sink{cfg, p}, nil
}

// maxAfter is more than any receiver may ask for, and keeps the arithmetic
// from overflowing.
const maxAfter = 24 * time.Hour

// retryAfter reads ResponseParameters of the Bot API.
func retryAfter(body []byte) time.Duration {
	var answer struct {
		Parameters struct {
			RetryAfter int64 `json:"retry_after"`
		} `json:"parameters"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return 0
	}
	return time.Duration(min(answer.Parameters.RetryAfter, int64(maxAfter/time.Second))) * time.Second
}

// Deliver sends one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	body, err := render.JSON(compose(d, s.cfg))
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	return s.poster.Post(ctx, body)
}

// Close lets go of idle connections.
func (s *Sink) Close() error { return s.poster.Close() }
