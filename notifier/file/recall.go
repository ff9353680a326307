package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/render"
)

// block is how much is read at a time from the end of a file.
const block = 256 << 10

var _ notifier.Recaller = (*Sink)(nil)

// Recall implements [notifier.Recaller] for JSON lines; of other formats nothing
// is known.
func (s *Sink) Recall(n int) (ids []string, err error) {
	if s.cfg.Format.Format != render.FormatJSON {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i <= s.cfg.Keep && len(ids) < n; i++ {
		more, err := lastIDs(s.name(i), n-len(ids))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return ids, err
		}
		ids = append(more, ids...)
	}
	return ids, nil
}

// lastIDs reads the ids of the last n lines of a file, oldest first.
func lastIDs(path string, n int) (ids []string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	err = backwards(f, func(line []byte) bool {
		var d struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(line, &d) == nil && d.ID != "" {
			ids = append(ids, d.ID)
		}
		return len(ids) < n
	})
	slices.Reverse(ids)
	return ids, err
}

// backwards calls f with the lines of a file, the last one first, until it
// returns false. What follows the last line end is no line.
func backwards(f *os.File, line func([]byte) bool) error {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	var rest []byte // of the line that begins further ahead
	last := true
	for end > 0 {
		b := make([]byte, min(end, block))
		end -= int64(len(b))
		if _, err := f.ReadAt(b, end); err != nil {
			return err
		}
		b = append(b, rest...)
		for {
			at := bytes.LastIndexByte(b, '\n')
			if at < 0 {
				break
			}
			if !last && !line(b[at+1:]) {
				return nil
			}
			last = false
			b = b[:at]
		}
		rest = b
	}
	if !last {
		line(rest)
	}
	return nil
}

// mend takes back the beginning of a line that a crash left at the end of a
// file. The detection was not acknowledged and comes again.
func mend(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err // a pipe or a device has no end to mend
	}
	keep := info.Size()
	for keep > 0 {
		b := make([]byte, min(keep, block))
		if _, err := f.ReadAt(b, keep-int64(len(b))); err != nil {
			return err
		}
		if at := bytes.LastIndexByte(b, '\n'); at >= 0 {
			keep += int64(at) + 1 - int64(len(b))
			break
		}
		keep -= int64(len(b))
	}
	if keep == info.Size() {
		return nil
	}
	return f.Truncate(keep)
}
