//go:build cgo && linux && amd64

package ebpf

import (
	"context"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// TestDrops floods a ring that is far too small: what came out and what was
// counted as lost is exactly what was done.
func TestDrops(t *testing.T) {
	needRoot(t)
	cfg := DefaultConfig()
	cfg.RingBytes = 4096
	s, err := New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if missing := s.Want([]msg.EventDemand{{Name: "getppid"}}); len(missing) > 0 {
		t.Fatal(missing)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan struct{}, 1)
	done := make(chan error, 1)
	var received, forks uint64
	self := int32(syscall.Getpid())
	go func() {
		done <- s.Run(ctx, func(b *msg.Batch) {
			for i := range b.Events {
				r := b.Record(i)
				switch {
				case r.Name() == "getppid" && r.Process().Pid == self:
					received += uint64(max(r.Event.Count, 1))
				case r.Name() == "sched_process_fork":
					forks++
				}
			}
			select {
			case ready <- struct{}{}:
			default:
			}
		})
	}()
	<-ready
	observeSelf(s)
	const made = 50000
	for range made {
		_, _, _ = syscall.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
	}
	s.mu.Lock()
	s.shared.m.self = cUint(self)
	s.mu.Unlock()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var lost uint64
	for _, d := range s.Drops() {
		if d.Cause != "ring" || d.Type != unix.SYS_GETPPID {
			t.Errorf("lost %v", d)
			continue
		}
		lost += d.Count
	}
	if lost == 0 || received == 0 {
		t.Errorf("received %d, lost %d: the ring was not flooded", received, lost)
	}
	// Others call getppid too, but only this process did so often.
	if n := received + lost; n < made || n > made+made/100 {
		t.Errorf("received %d + lost %d = %d, made %d", received, lost, n, made)
	}
}

// TestRunEnds checks that Run returns when told to, and that a source that has
// ended answers without touching what is gone.
func TestRunEnds(t *testing.T) {
	needRoot(t)
	s, err := New(DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Run(ctx, func(*msg.Batch) {}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if missing := s.Want([]msg.EventDemand{{Name: "openat"}}); missing["openat"] == "" {
		t.Error("a source that has ended takes demands")
	}
	if e := s.Enabled(); e != nil {
		t.Errorf("enabled after the end: %v", e)
	}
	s.Drops()
	if err := s.Run(context.Background(), func(*msg.Batch) {}); err == nil {
		t.Error("a source that has ended runs again")
	}
}
