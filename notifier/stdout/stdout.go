package stdout

import (
	"context"
	"io"
	"sync"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Config is a sink of type stdout.
type Config struct {
	render.Format `yaml:",inline"`
}

// DefaultConfig prints as tracee-rules does.
func DefaultConfig() Config { return Config{render.Format{Format: render.FormatClassic}} }

// Sink prints.
type Sink struct {
	render func(*msg.Detection) ([]byte, error)

	mu sync.Mutex
	w  io.Writer
}

var _ notifier.Sink = (*Sink)(nil)

// New makes a sink that prints to w, each detection with one Write.
func New(cfg Config, w io.Writer) (*Sink, error) {
	f, err := cfg.Build()
	if err != nil {
		return nil, err
	}
	return &Sink{render: f, w: w}, nil
}

// Deliver prints one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	b, err := s.render(d)
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.w.Write(b); err != nil {
		return notifier.Fail(notifier.ReasonIO, err)
	}
	return nil
}
