package nats

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Publisher sends a message and returns when a stream has it or, if stored is
// false, when the server has it.
type Publisher func(ctx context.Context, subject, id string, data []byte, stored bool) error

// Config is a sink of type nats.
type Config struct {
	render.Format `yaml:",inline"`
	// Subject is a template; its result is the subject.
	Subject string `yaml:"subject"`
	// Stored waits until a stream has the message.
	Stored bool `yaml:"stored"`
	// Timeout bounds that.
	Timeout time.Duration `yaml:"timeout"`
}

// DefaultConfig has everything but the subject.
func DefaultConfig() Config {
	return Config{Format: render.Format{Format: render.FormatJSON}, Timeout: 10 * time.Second}
}

// Validate reports everything that is wrong.
func (c Config) Validate() error {
	errs := []error{c.Format.Validate()}
	switch {
	case c.Subject == "":
		errs = append(errs, errors.New("subject is not given"))
	case strings.HasPrefix(c.Subject, "tripline."):
		errs = append(errs, errors.New("subject: tripline.… belongs to the stages, which would read it"))
	default:
		if _, err := render.Parse("subject", c.Subject); err != nil {
			errs = append(errs, fmt.Errorf("subject: %w", err))
		}
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %v is not a positive duration", c.Timeout))
	}
	return errors.Join(errs...)
}

// Sink publishes.
type Sink struct {
	cfg     Config
	subject *render.Template
	body    func(*msg.Detection) ([]byte, error)
	publish Publisher
}

var _ notifier.Sink = (*Sink)(nil)

// New makes a sink.
func New(cfg Config, publish Publisher) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if publish == nil {
		return nil, errors.New("there is no connection to NATS here")
	}
	subject, err := render.Parse("subject", cfg.Subject)
	if err != nil {
		return nil, err
	}
	body, err := cfg.Build()
	if err != nil {
		return nil, err
	}
	return &Sink{cfg, subject, body, publish}, nil
}

// Deliver publishes one detection.
func (s *Sink) Deliver(ctx context.Context, d *msg.Detection) error {
	b, err := s.subject.Execute(d)
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	subject := string(b)
	if err := check(subject); err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	body, err := s.body(d)
	if err != nil {
		return notifier.FailForGood(notifier.ReasonTemplate, err)
	}
	limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := s.publish(limited, subject, d.ID, body, s.cfg.Stored); err != nil {
		reason := notifier.ReasonOf(err)
		if reason == notifier.ReasonOther {
			reason = notifier.ReasonUnreachable
		}
		return notifier.Fail(reason, fmt.Errorf("publishing: %w", err))
	}
	return nil
}

// check says whether a text is a subject to publish on that is not one of the
// stages'.
func check(subject string) error {
	if len(subject) > 500 {
		return fmt.Errorf("the subject has %d bytes, more than 500", len(subject))
	}
	for token := range strings.SplitSeq(subject, ".") {
		if token == "" || strings.ContainsAny(token, "*> \t\r\n\x00") {
			return fmt.Errorf("%s is not a subject", render.Fit(200, subject, nil))
		}
	}
	if subject == "tripline" || strings.HasPrefix(subject, "tripline.") || strings.HasPrefix(subject, "$") || strings.HasPrefix(subject, "_INBOX.") {
		return fmt.Errorf("the subject %s is not for sinks", render.Fit(200, subject, nil))
	}
	return nil
}
