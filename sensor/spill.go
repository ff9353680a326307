package sensor

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

const (
	// spillFile is how large one file grows; it is removed when it was read.
	spillFile = 16 << 20
	spillMode = 0o600 // batches hold command lines
)

// spill keeps batches in files, first in, first out: what waits longest when the
// memory of the queue is not enough. Each is a length of four bytes and a batch
// as on the wire. It is not safe for concurrent use.
//
// What a sensor leaves behind is taken up by the next one of the same boot;
// what is left of another boot is removed, for its times and processes mean
// nothing any more.
type spill struct {
	dir   string
	limit int64

	bytes   int64 // in all files, less what was read
	events  int   // the same, of this life
	files   []int // numbers, oldest first; the last is written to
	w       *os.File
	written int64
	r       *bufio.Reader
	rf      *os.File
}

// newSpill takes the directory of a boot, below dir.
func newSpill(dir, boot string, limit int64) (*spill, error) {
	mine := filepath.Join(dir, boot)
	if err := os.MkdirAll(mine, 0o700); err != nil {
		return nil, fmt.Errorf("spill_dir: %w", err)
	}
	others, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("spill_dir: %w", err)
	}
	for _, o := range others {
		if o.IsDir() && o.Name() != boot && isBootID(o.Name()) {
			if err := os.RemoveAll(filepath.Join(dir, o.Name())); err != nil {
				return nil, fmt.Errorf("spill_dir: %w", err)
			}
		}
	}
	s := &spill{dir: mine, limit: limit}
	left, err := os.ReadDir(mine)
	if err != nil {
		return nil, fmt.Errorf("spill_dir: %w", err)
	}
	for _, f := range left {
		n, err := strconv.Atoi(f.Name())
		info, err2 := f.Info()
		if err != nil || err2 != nil {
			continue
		}
		s.files = append(s.files, n)
		s.bytes += info.Size()
	}
	slices.Sort(s.files)
	return s, nil
}

// isBootID says whether a name is one that the kernel gives a boot, so that
// nothing else is removed.
func isBootID(name string) bool {
	return len(name) == 36 && strings.Count(name, "-") == 4 && strings.Trim(name, "0123456789abcdef-") == ""
}

func (s *spill) empty() bool { return s.bytes <= 0 }

// full says whether nothing more fits.
func (s *spill) full() bool { return s.bytes >= s.limit }

func (s *spill) name(n int) string { return filepath.Join(s.dir, strconv.Itoa(n)) }

// put appends a batch. After an error it is not there.
func (s *spill) put(b *msg.Batch) error {
	frame, err := msg.Marshal(make([]byte, 4, 4096), b, msg.S2)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if s.w == nil || s.written >= spillFile {
		if err := s.next(); err != nil {
			return err
		}
	}
	if _, err := s.w.Write(frame); err != nil {
		// What was written of it would be taken for a batch.
		return errors.Join(err, s.w.Truncate(s.written))
	}
	s.written += int64(len(frame))
	s.bytes += int64(len(frame))
	s.events += len(b.Events)
	return nil
}

// next begins a file.
func (s *spill) next() error {
	n := 1
	if len(s.files) > 0 {
		n = s.files[len(s.files)-1] + 1
	}
	f, err := os.OpenFile(s.name(n), os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, spillMode)
	if err != nil {
		return err
	}
	if s.w != nil {
		err = s.w.Close()
	}
	s.w, s.written = f, 0
	s.files = append(s.files, n)
	return err
}

// take returns the oldest batch, nil when there is none; an error beside a batch
// is about its file. A file that ends in the
// middle of a batch, as a crash leaves it, ends before that.
func (s *spill) take() (*msg.Batch, error) {
	for len(s.files) > 0 {
		if s.rf == nil {
			f, err := os.Open(s.name(s.files[0]))
			if errors.Is(err, fs.ErrNotExist) {
				s.files = s.files[1:]
				continue
			}
			if err != nil {
				return nil, err
			}
			s.rf, s.r = f, bufio.NewReaderSize(f, 256<<10)
		}
		b, n, err := read(s.r)
		if err == nil {
			s.bytes -= n
			s.events = max(0, s.events-len(b.Events))
			if s.bytes <= 0 {
				err = s.drop()
			}
			return b, err
		}
		// At its end: what is written is written whole, so all was read.
		if err := s.drop(); err != nil {
			return nil, err
		}
	}
	s.bytes, s.events = 0, 0
	return nil, nil
}

// drop removes the file that was read to its end.
func (s *spill) drop() error {
	err := s.rf.Close()
	s.rf, s.r = nil, nil
	if len(s.files) == 1 && s.w != nil {
		err = errors.Join(err, s.w.Close())
		s.w = nil
	}
	err = errors.Join(err, os.Remove(s.name(s.files[0])))
	s.files = s.files[1:]
	return err
}

func read(r io.Reader) (*msg.Batch, int64, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, 0, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > spillFile {
		return nil, 0, fmt.Errorf("a batch of %d bytes", size)
	}
	frame := make([]byte, size)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, 0, err
	}
	b := new(msg.Batch)
	return b, int64(size) + 4, msg.Unmarshal(frame, b)
}

// close leaves the files for the next sensor.
func (s *spill) close() error {
	var errs []error
	for _, f := range []*os.File{s.w, s.rf} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	s.w, s.rf, s.r = nil, nil, nil
	return errors.Join(errs...)
}
