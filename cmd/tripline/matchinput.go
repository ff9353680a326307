package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/tripline/tripline/matcher/input"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/sensor/replay"
)

// The formats of events.
const (
	formatJSON     = "json"
	formatGob      = "gob"
	formatTripline = "tripline"
)

// stdinName is what tracee-rules calls standard input.
const stdinName = "stdin"

// matchInput is where events come from.
type matchInput struct {
	files  []string
	format string // "" to see for oneself
}

// parseInput reads the values of --input: key:value, several joined by commas.
func parseInput(values []string) (*matchInput, error) {
	in := &matchInput{}
	for _, v := range values {
		for _, part := range splitInput(v) {
			key, value, ok := strings.Cut(part, ":")
			switch {
			case !ok || value == "":
				return nil, usagef("--input: %q is not key:value; the keys are file and format", part)
			case key == "file":
				in.files = append(in.files, value)
			case key == "format":
				switch format := strings.ToLower(value); format {
				case formatJSON, formatGob, formatTripline:
					in.format = format
				default:
					return nil, usagef("--input: format %q is not one of json, gob, tripline", value)
				}
			default:
				return nil, usagef("--input: %q is neither file nor format", key)
			}
		}
	}
	if len(in.files) == 0 {
		return nil, usagef("--input: which file? (file:PATH, or file:stdin)")
	}
	return in, nil
}

// splitInput splits at the commas that begin another key, so that names of
// files may have commas.
func splitInput(v string) (out []string) {
	for part := range strings.SplitSeq(v, ",") {
		if n := len(out); n > 0 && !strings.HasPrefix(part, "file:") && !strings.HasPrefix(part, "format:") {
			out[n-1] += "," + part
			continue
		}
		out = append(out, part)
	}
	return out
}

// read is a batch or why there is none.
type read struct {
	batch *msg.Batch
	err   error
}

// batches yields what the files hold, one after another, until the context
// ends. Reading is a goroutine of its own, since reading standard input cannot
// be interrupted; it is at most one batch ahead.
func (in *matchInput) batches(ctx context.Context, stdin io.Reader, t *tally) iter.Seq2[*msg.Batch, error] {
	return func(yield func(*msg.Batch, error) bool) {
		for _, name := range in.files {
			r, err := in.open(name, stdin, t)
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			for x := range r.all(ctx) {
				if !yield(x.batch, x.err) {
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
			t.settle(r)
		}
	}
}

// batchReader is a format's reader.
type batchReader interface{ Read() (*msg.Batch, error) }

// inputFile is one file that is being read.
type inputFile struct {
	name string
	batchReader
	close func() error
}

func (in *matchInput) open(name string, stdin io.Reader, t *tally) (*inputFile, error) {
	f := &inputFile{name: name, close: func() error { return nil }}
	src := stdin
	if name != stdinName {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		src, f.close = file, file.Close
	}
	b := bufio.NewReaderSize(src, 64<<10)
	format := in.format
	if format == "" {
		format = formatOf(b)
	}
	report := func(m *input.Malformed) { t.report(name, m) }
	switch format {
	case formatGob:
		f.batchReader = input.NewGob(b, report)
	case formatTripline:
		r, err := replay.NewReader(b)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.close())
		}
		f.batchReader = &recording{Reader: r, name: name, t: t}
	default:
		f.batchReader = input.NewJSON(b, report)
	}
	return f, nil
}

// formatOf sees from the beginning what an input is: recordings begin with
// TLREC, JSON objects with a brace, and a gob stream of events with neither.
func formatOf(b *bufio.Reader) string {
	for n := 1; ; n++ {
		head, err := b.Peek(n)
		if err != nil {
			return formatJSON // nothing but space
		}
		switch head[n-1] {
		case ' ', '\t', '\r', '\n':
		case '{':
			return formatJSON
		case 'T':
			return formatTripline
		default:
			return formatGob
		}
	}
}

// all reads to the end.
func (f *inputFile) all(ctx context.Context) iter.Seq[read] {
	return func(yield func(read) bool) {
		ahead := make(chan read)
		done := make(chan struct{})
		defer close(done)
		go func() {
			defer close(ahead)
			defer func() { _ = f.close() }()
			for {
				b, err := f.Read()
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					err = fmt.Errorf("%s: %w", f.name, err)
				}
				select {
				case ahead <- read{b, err}:
				case <-done:
					return
				}
				if err != nil {
					return
				}
			}
		}()
		for {
			select {
			case x, more := <-ahead:
				if !more || !yield(x) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// recording is Tripline's own format. One that was cut off is read up to there.
type recording struct {
	*replay.Reader
	name string
	t    *tally
}

func (r *recording) Read() (*msg.Batch, error) {
	b, err := r.Reader.Read()
	if errors.Is(err, replay.ErrTruncated) {
		r.t.report(r.name, err)
		return nil, io.EOF
	}
	return b, err
}
