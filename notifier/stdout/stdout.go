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
	stored bool // prints JSON as it is stored

	mu sync.Mutex
	w  io.Writer
}

var _ notifier.BatchSink = (*Sink)(nil)

// New makes a sink that prints to w, each detection, or as
// many as there are, with one Write.
func New(cfg Config, w io.Writer) (*Sink, error) {
	f, err := cfg.Build()
	if err != nil {
		return nil, err
	}
	return &Sink{render: f, stored: cfg.Format.Format == render.FormatJSON, w: w}, nil
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
	return s.write(b)
}

// maxBatch is from where on no more is printed with one Write, in bytes.
const maxBatch = 256 << 10

// DeliverBatch implements [notifier.BatchSink].
func (s *Sink) DeliverBatch(ctx context.Context, ds []*msg.Stored) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	var all []byte
	n := 0
	for ; n < len(ds) && len(all) < maxBatch; n++ {
		b, err := s.line(ds[n])
		if err != nil && n == 0 {
			return 0, notifier.FailForGood(notifier.ReasonTemplate, err)
		}
		if err != nil {
			break
		}
		all = append(all, b...)
	}
	if err := s.write(all); err != nil {
		return 0, err
	}
	return n, nil
}

// line renders one detection.
func (s *Sink) line(d *msg.Stored) ([]byte, error) {
	if s.stored {
		return render.StoredLine(d)
	}
	found, err := d.Detection()
	if err != nil {
		return nil, err
	}
	return s.render(found)
}

func (s *Sink) write(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.w.Write(b); err != nil {
		return notifier.Fail(notifier.ReasonIO, err)
	}
	return nil
}
