package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
	"github.com/tripline/tripline/sensor/replay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// batch holds one ptrace by the named process, at a second of the recording.
func batch(t testing.TB, comm string, second int) *msg.Batch {
	t.Helper()
	e, ok := catalogue.Lookup("ptrace")
	if !ok {
		t.Fatal("the catalogue has no ptrace")
	}
	var b msg.Builder
	b.Event(&msg.Event{
		Type: uint32(e.ID), Seq: 77, Time: time.Unix(1700000000+int64(second), 0).UnixNano(),
		Process: b.Process(&msg.Process{Pid: 5}), Comm: uint32(b.String(comm)), Args: make([]int64, len(e.Params)),
	})
	out := b.Take()
	out.Source, out.Partition, out.Enricher = "ebpf", 3, "enricher-1"
	return out
}

// record makes a recording of one batch a second.
func record(t testing.TB, n int) []byte {
	t.Helper()
	var f bytes.Buffer
	w, err := replay.NewWriter(&f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := w.Write(batch(t, fmt.Sprintf("comm-%d", i), i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return f.Bytes()
}

func save(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.rec")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRoundTrip(t *testing.T) {
	r, err := replay.NewReader(bytes.NewReader(record(t, 3)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		b, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		want, err := batch(t, fmt.Sprintf("comm-%d", i), i).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.MarshalVT(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("batch %d: %x, %v, want %x", i, got, err, want)
		}
	}
	if _, err := r.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestBrokenFiles(t *testing.T) {
	good := record(t, 2)
	for _, c := range []struct {
		name    string
		content []byte
		want    error
		text    string
	}{
		{"empty", nil, replay.ErrFormat, "shorter than its header"},
		{"short", good[:4], replay.ErrFormat, "shorter than its header"},
		{"something else", []byte("{\"events\": []}"), replay.ErrFormat, "it does not begin with TLREC"},
		{"newer", append([]byte("TLREC\x00\x02\n"), good[8:]...), replay.ErrFormat, "version 2, expected 1"},
		{"huge record", append(slices.Clone(good[:8]), 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0), replay.ErrFormat, "record of 4294967295 bytes at byte 8"},
		{"damaged", append(slices.Clone(good[:8]), 2, 0, 0, 0, 0, 0, 0, 0, 'x', 'y'), replay.ErrFormat, "record at byte 8 is damaged"},
		{"no frame", append(slices.Clone(good[:8]), 0, 0, 0, 0, 0, 0, 0, 0), replay.ErrFormat, "record at byte 8: malformed batch"},
		{"cut in a length", good[:10], replay.ErrTruncated, ""},
		{"cut in a frame", good[:len(good)-1], replay.ErrTruncated, ""},
		{"cut after a header", good[:16], replay.ErrTruncated, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := replay.NewReader(bytes.NewReader(c.content))
			for err == nil {
				_, err = r.Read()
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v, want %v with %q", err, c.want, c.text)
			}
		})
	}
}

// play runs a source to its end and returns the comms it emitted with the
// second, since the start, of each.
func play(t *testing.T, ctx context.Context, cfg replay.Config) (out []string, batches []*msg.Batch, err error) {
	t.Helper()
	s, err := replay.New(cfg, discard())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	err = s.Run(ctx, func(b *msg.Batch) {
		batches = append(batches, b)
		out = append(out, fmt.Sprintf("%s@%v", b.Record(0).Comm(), time.Since(start)))
	})
	return out, batches, err
}

func TestPace(t *testing.T) {
	path := save(t, record(t, 3))
	for _, c := range []struct {
		name string
		cfg  replay.Config
		stop time.Duration
		want string
	}{
		{"as it was", replay.Config{File: path, Speed: 1}, time.Hour, "comm-0@0s comm-1@1s comm-2@2s"},
		{"faster", replay.Config{File: path, Speed: 4}, time.Hour, "comm-0@0s comm-1@250ms comm-2@500ms"},
		{"at once", replay.Config{File: path, Speed: 0}, time.Hour, "comm-0@0s comm-1@0s comm-2@0s"},
		{"again and again", replay.Config{File: path, Speed: 1, Loop: true}, 3500 * time.Millisecond, "comm-0@0s comm-1@1s comm-2@2s comm-0@2s comm-1@3s"},
		{"stopped", replay.Config{File: path, Speed: 0.5}, 3 * time.Second, "comm-0@0s comm-1@2s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.stop)
				defer cancel()
				got, _, err := play(t, ctx, c.cfg)
				if err != nil {
					t.Error(err)
				}
				if s := strings.Join(got, " "); s != c.want {
					t.Errorf("emitted %s, want %s", s, c.want)
				}
			})
		})
	}
}

func TestReplayedBatchesAreRaw(t *testing.T) {
	_, batches, err := play(t, t.Context(), replay.Config{File: save(t, record(t, 1))})
	if err != nil || len(batches) != 1 {
		t.Fatalf("%d batches, %v", len(batches), err)
	}
	if b := batches[0]; b.Partition != 0 || b.Enricher != "" {
		t.Errorf("still of partition %d by %q", b.Partition, b.Enricher)
	}
}

func TestTruncatedRecordingPlaysUpToThere(t *testing.T) {
	content := record(t, 3)
	got, _, err := play(t, t.Context(), replay.Config{File: save(t, content[:len(content)-2])})
	if err != nil || len(got) != 2 {
		t.Errorf("%v, %v: want two batches and no error", got, err)
	}
}

func TestBrokenRecordIsNamed(t *testing.T) {
	content := record(t, 2)
	content[len(content)-3] ^= 0xff
	path := save(t, content)
	_, _, err := play(t, t.Context(), replay.Config{File: path})
	if !errors.Is(err, replay.ErrFormat) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v: want the file and the place", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  replay.Config
		want string
	}{
		{"no file", replay.Config{}, "which recording?"},
		{"missing file", replay.Config{File: "/nonexistent/x.rec"}, "/nonexistent/x.rec"},
		{"not a recording", replay.Config{File: save(t, []byte("hello, world"))}, "does not begin with TLREC"},
		{"negative speed", replay.Config{File: "x", Speed: -1}, "replay: speed: -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := replay.New(c.cfg, discard()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}

func TestEnabledListsWhatWasSeen(t *testing.T) {
	s, err := replay.New(replay.Config{File: save(t, record(t, 1))}, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), func(*msg.Batch) {}); err != nil {
		t.Fatal(err)
	}
	if got := s.Enabled(); !slices.Equal(got, []string{"ptrace"}) {
		t.Errorf("enabled %v", got)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(record(f, 2))
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := replay.NewReader(bytes.NewReader(content))
		for err == nil {
			var b *msg.Batch
			if b, err = r.Read(); err == nil {
				for i := range b.Events {
					b.Record(i).JSON()
				}
			}
		}
	})
}
