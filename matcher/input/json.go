package input

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxLine bounds a line, in bytes. It is far above what any event needs; what
// is longer is skipped without being held in memory.
const MaxLine = 256 << 20

const readBuffer = 256 << 10

// NewJSON reads events in JSON, one a line, Tracee's or Tripline's. report is
// called for each line that is skipped, before Read returns.
func NewJSON(r io.Reader, report func(*Malformed)) *Reader {
	return newReader(&lines{r: bufio.NewReaderSize(r, readBuffer), converter: newConverter()}, report)
}

type lines struct {
	*converter
	r      *bufio.Reader
	buf    []byte
	number uint64
}

func (l *lines) next() (*Event, error) {
	if e := l.takeAdded(); e != nil {
		return e, nil
	}
	for {
		content, err := l.line()
		if err != nil {
			return nil, err
		}
		if content = bytes.TrimSpace(content); len(content) == 0 {
			continue
		}
		e, err := l.parseLine(content)
		if err != nil {
			return nil, &Malformed{Unit: "line", Number: l.number, Err: err}
		}
		return e, nil
	}
}

// line returns the next line, valid until the next call.
func (l *lines) line() ([]byte, error) {
	l.buf = l.buf[:0]
	tooLong := false
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.buf)+len(part) > MaxLine {
			tooLong = true
			l.buf = nil
		}
		switch {
		case tooLong:
		case err == nil && len(l.buf) == 0:
			l.number++
			return part, nil
		default:
			l.buf = append(l.buf, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(l.buf) == 0 && !tooLong) {
			return nil, err
		}
		l.number++
		if tooLong {
			return nil, &Malformed{Unit: "line", Number: l.number, Err: fmt.Errorf("longer than %d bytes", MaxLine)}
		}
		return l.buf, nil
	}
}

// waiting says whether there is no whole line in the buffer. Looking into the
// buffer does not read.
func (l *lines) waiting() bool {
	if l.added != nil {
		return false
	}
	ahead, _ := l.r.Peek(l.r.Buffered())
	return bytes.IndexByte(ahead, '\n') < 0
}
