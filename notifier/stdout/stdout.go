package stdout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Formats.
const (
	Classic  = "classic"
	JSON     = "json"
	Falco    = "falco"
	Template = "template"
)

// Config is a sink of type stdout.
type Config struct {
	// Format is classic, json, falco or template.
	Format string `yaml:"format"`
	// Template is what format template prints; it takes care of line ends and,
	// with its function terminal, of escaping.
	Template     string `yaml:"template"`
	TemplateFile string `yaml:"template_file"`
}

// DefaultConfig prints as tracee-rules does.
func DefaultConfig() Config { return Config{Format: Classic} }

// Validate reports what is wrong.
func (c Config) Validate() error {
	switch c.Format {
	case Classic, JSON, Falco:
		if c.Template != "" || c.TemplateFile != "" {
			return fmt.Errorf("format: a template is given, but the format is %s", c.Format)
		}
	case Template:
		if c.Template == "" && c.TemplateFile == "" {
			return errors.New("template (or template_file) is not given")
		}
	default:
		return fmt.Errorf("format: %q is not one of %s, %s, %s, %s", c.Format, Classic, JSON, Falco, Template)
	}
	return nil
}

// Sink prints.
type Sink struct {
	render func(*msg.Detection) ([]byte, error)

	mu sync.Mutex
	w  io.Writer
}

var _ notifier.Sink = (*Sink)(nil)

// New makes a sink that prints to w, each detection with one Write.
func New(cfg Config, w io.Writer) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Sink{w: w}
	switch cfg.Format {
	case Classic:
		s.render = func(d *msg.Detection) ([]byte, error) { return render.Classic(d), nil }
	case Falco:
		s.render = func(d *msg.Detection) ([]byte, error) { return render.Falco(d), nil }
	case JSON:
		s.render = render.JSONLine
	case Template:
		t, err := render.Load("template", cfg.Template, cfg.TemplateFile)
		if err != nil {
			return nil, err
		}
		s.render = t.Execute
	}
	return s, nil
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
