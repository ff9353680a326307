package teams

import (
	"context"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Config is a sink of type teams. Its URL is that of the webhook.
type Config struct {
	httppost.Target `yaml:",inline"`
}

// DefaultConfig has everything but the URL.
func DefaultConfig() Config { return Config{httppost.DefaultTarget()} }

// Sink posts messages.
type Sink struct{ poster *httppost.Poster }

var _ notifier.Sink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p, err := cfg.Open(nil, nil)
	if err != nil {
		return nil, err
	}
	return &Sink{p}, nil
}

// Deliver posts one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	body, err := render.JSON(compose(d))
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	return s.poster.Post(ctx, body)
}

// Close lets go of idle connections.
func (s *Sink) Close() error { return s.poster.Close() }
