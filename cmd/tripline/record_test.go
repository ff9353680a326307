package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// traceme is a batch with one event that TRC-2 finds.
func traceme(t *testing.T, seq uint64) *msg.Batch {
	t.Helper()
	e, ok := catalogue.Lookup("ptrace")
	if !ok {
		t.Fatal("the catalogue has no ptrace")
	}
	var b msg.Builder
	b.Event(&msg.Event{
		Type: uint32(e.ID), Seq: seq, Time: 1_700_000_000_000_000_000 + int64(seq),
		Process: b.Process(&msg.Process{Pid: 5, Comm: "strace"}), Comm: uint32(b.String("strace")), Args: make([]int64, len(e.Params)),
	})
	out := b.Take()
	out.Host, out.BootId, out.Source, out.FirstSeq, out.LastSeq = "box", "boot", "test", seq, seq
	return out
}

// feed publishes raw batches until the context ends.
func feed(ctx context.Context, t *testing.T, b *bus.Bus) {
	t.Helper()
	p, err := b.RawPublisher("box")
	if err != nil {
		t.Error(err)
		return
	}
	for seq := uint64(1); ctx.Err() == nil; seq++ {
		if err := p.Publish(ctx, traceme(t, seq), func(error) {}); err != nil && ctx.Err() == nil {
			t.Error(err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// command runs a command line in this process.
func command(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = execute(args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// TestRecordAndReplay records what passes on a real server and finds the same
// in the file.
func TestRecordAndReplay(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Dial(t, s.URL(), nil)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); feed(ctx, t, b) }()
	defer func() { stop(); <-done }()

	file := filepath.Join(t.TempDir(), "x.rec")
	code, out, errs := command("record", "raw", file, "--nats", s.URL(), "--for", "2s")
	if code != 0 || strings.HasPrefix(out, "0 events") || !strings.Contains(out, " events in ") {
		t.Fatalf("record: code %d, %q, %q", code, out, errs)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: only its owner may read a recording", info, err)
	}
	recorded, _, _ := strings.Cut(out, " ")

	code, out, errs = command("replay", file, "--rules", "TRC-2", "-o", "json")
	if n := strings.Count(out, `"id":"TRC-2"`); code != 0 || recorded != strconv.Itoa(n) {
		t.Errorf("replay: code %d, %d detections of %s events, %q", code, n, recorded, errs)
	}

	// The file is not overwritten by accident.
	if code, _, errs = command("record", "raw", file, "--nats", s.URL(), "--for", "1ms"); code != 1 || !strings.Contains(errs, "--force") {
		t.Errorf("record over a file: code %d, %q", code, errs)
	}
	if code, _, errs = command("record", "raw", file, "--nats", s.URL(), "--for", "1ms", "--force"); code != 0 {
		t.Errorf("record --force: code %d, %q", code, errs)
	}
	if code, _, errs = command("replay", file, "--rules", "TRC-2"); code != 0 {
		t.Errorf("replay of a recording of nothing: code %d, %q", code, errs)
	}
}
