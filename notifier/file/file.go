package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// checkInterval is how often the sink looks whether the file is still there.
const checkInterval = time.Second

// maxBatch is from where on no more is written at once, in bytes.
const maxBatch = 1 << 20

// mode of new files: detections hold command lines, which are nobody's
// business but the operator's.
const mode = 0o600

// Config is a sink of type file.
type Config struct {
	render.Format `yaml:",inline"`
	// Path of the file. Its folder must exist.
	Path string `yaml:"path"`
	// MaxBytes is the size from which the file is moved to Path.1, that to
	// Path.2 and so on; 0 leaves rotation to others. Keep is how many moved
	// files stay.
	MaxBytes int64 `yaml:"max_bytes"`
	Keep     int   `yaml:"keep"`
	// Sync writes every detection through to the disk before it counts as
	// delivered.
	Sync bool `yaml:"sync"`
}

// DefaultConfig writes JSON lines, at most six files of 100 MiB.
func DefaultConfig() Config {
	return Config{Format: render.Format{Format: render.FormatJSON}, MaxBytes: 100 << 20, Keep: 5}
}

// Validate reports everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	if c.Path == "" {
		errs = append(errs, errors.New("path is not given"))
	}
	if c.MaxBytes < 0 {
		errs = append(errs, fmt.Errorf("max_bytes: %d is negative", c.MaxBytes))
	}
	if c.Keep < 0 || c.Keep > 1000 {
		errs = append(errs, fmt.Errorf("keep: %d is not between 0 and 1000", c.Keep))
	}
	return errors.Join(append(errs, c.Format.Validate())...)
}

// Sink appends to a file.
type Sink struct {
	cfg    Config
	render func(*msg.Detection) ([]byte, error)

	mu      sync.Mutex
	f       *os.File
	size    int64
	checked time.Time
	batch   []byte // what is written at once, kept for the next time
}

var _ notifier.BatchSink = (*Sink)(nil)

// New opens the file, to complain early.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	f, err := cfg.Build()
	if err != nil {
		return nil, err
	}
	s := &Sink{cfg: cfg, render: f}
	if cfg.Format.Format == render.FormatJSON {
		if err := mend(cfg.Path); err != nil {
			return nil, fmt.Errorf("path: %w", err)
		}
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	return s, nil
}

// Deliver appends one detection.
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
	if err := s.write(b); err != nil {
		return notifier.Fail(notifier.ReasonIO, err)
	}
	return nil
}

// DeliverBatch implements [notifier.BatchSink]: as many as go into one file are
// appended with one write. Lines of JSON are written as they are stored.
func (s *Sink) DeliverBatch(ctx context.Context, ds []*msg.Stored) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batch = s.batch[:0]
	n := 0
	for _, d := range ds {
		b, err := s.line(d)
		if err != nil && n == 0 {
			return 0, notifier.FailForGood(notifier.ReasonTemplate, err)
		}
		full := n > 0 && s.cfg.MaxBytes > 0 && s.size+int64(len(s.batch)+len(b)) > s.cfg.MaxBytes
		if err != nil || full || n > 0 && len(s.batch) > maxBatch {
			break
		}
		s.batch = append(s.batch, b...)
		n++
	}
	if err := s.write(s.batch); err != nil {
		return 0, notifier.Fail(notifier.ReasonIO, err)
	}
	return n, nil
}

// line renders one detection.
func (s *Sink) line(d *msg.Stored) ([]byte, error) {
	if s.cfg.Format.Format == render.FormatJSON {
		return render.StoredLine(d)
	}
	found, err := d.Detection()
	if err != nil {
		return nil, err
	}
	return s.render(found)
}

// Close closes the file.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.close()
}

func (s *Sink) close() error {
	if s.f == nil {
		return nil
	}
	err := s.f.Close()
	s.f = nil
	return err
}

func (s *Sink) open() error {
	f, err := os.OpenFile(s.cfg.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.f, s.size, s.checked = f, info.Size(), time.Now()
	return nil
}

func (s *Sink) write(b []byte) error {
	if err := s.ready(int64(len(b))); err != nil {
		return err
	}
	n, err := s.f.Write(b)
	if err == nil && s.cfg.Sync {
		err = s.f.Sync()
	}
	if err != nil {
		if n > 0 {
			err = errors.Join(err, s.f.Truncate(s.size))
		}
		// Opened anew next time, whatever was the matter with this one.
		return errors.Join(err, s.close())
	}
	s.size += int64(n)
	return nil
}

// ready sees to it that the file is open, is the one at the path, and has room.
func (s *Sink) ready(n int64) error {
	if s.f != nil && time.Since(s.checked) > checkInterval {
		s.checked = time.Now()
		if s.moved() {
			if err := s.close(); err != nil {
				return err
			}
		}
	}
	if s.f == nil {
		if err := s.open(); err != nil {
			return err
		}
	}
	if s.cfg.MaxBytes > 0 && s.size > 0 && s.size+n > s.cfg.MaxBytes {
		return s.rotate()
	}
	return nil
}

// moved says whether the open file is no longer the one at the path.
func (s *Sink) moved() bool {
	at, err := os.Stat(s.cfg.Path)
	if err != nil {
		return true
	}
	open, err := s.f.Stat()
	return err != nil || !os.SameFile(at, open)
}

// rotate moves the files up by one and begins a new one.
func (s *Sink) rotate() error {
	if err := s.close(); err != nil {
		return err
	}
	if s.cfg.Keep == 0 {
		if err := os.Remove(s.cfg.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return s.open()
	}
	for i := s.cfg.Keep; i > 0; i-- {
		if err := os.Rename(s.name(i-1), s.name(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return s.open()
}

// name is the i-th file: the path itself for 0.
func (s *Sink) name(i int) string {
	if i == 0 {
		return s.cfg.Path
	}
	return s.cfg.Path + "." + strconv.Itoa(i)
}
