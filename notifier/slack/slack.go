package slack

import (
	"context"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Sink posts to Slack.
type Sink struct {
	poster *httppost.Poster // an incoming webhook, or
	bot    *bot
}

var _ notifier.Sink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.bot() {
		b, err := newBot(cfg)
		if err != nil {
			return nil, err
		}
		return &Sink{bot: b}, nil
	}
	p, err := cfg.Open(nil, nil)
	if err != nil {
		return nil, err
	}
	return &Sink{poster: p}, nil
}

// Deliver posts one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	if s.bot != nil {
		return s.bot.deliver(ctx, d)
	}
	body, err := render.JSON(compose(d))
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	return s.poster.Post(ctx, body)
}

// Close lets go of idle connections.
func (s *Sink) Close() error {
	if s.bot != nil {
		return s.bot.close()
	}
	return s.poster.Close()
}
