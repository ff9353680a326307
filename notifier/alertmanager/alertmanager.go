package alertmanager

import (
	"context"
	"net/url"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Sink posts alerts.
type Sink struct {
	poster *httppost.Poster
	labels map[string]string
}

var _ notifier.Sink = (*Sink)(nil)

// New reads the files that the configuration names and makes a sink.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	header, secrets, err := cfg.Header()
	if err != nil {
		return nil, err
	}
	p, err := cfg.Open(func(u *url.URL) *url.URL { return u.JoinPath("api/v2/alerts") }, header, secrets...)
	if err != nil {
		return nil, err
	}
	return &Sink{p, cfg.Labels}, nil
}

// Deliver posts one alert.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	body, err := render.JSON([]alert{compose(d, s.labels)})
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	return s.poster.Post(ctx, body)
}

// Close lets go of idle connections.
func (s *Sink) Close() error { return s.poster.Close() }
