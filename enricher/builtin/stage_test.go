package builtin

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/enricher"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// stage is the whole enricher between a channel and a slice.
type stage struct {
	t    *testing.T
	boot string
	seq  uint64
	in   chan *msg.Batch

	mu     sync.Mutex
	out    []*msg.Batch
	unsure int // raw batches not answered yet

	e *enricher.Enricher
}

func (s *stage) Receive(ctx context.Context) (msg.Delivery[*msg.Batch], error) {
	select {
	case <-ctx.Done():
		return msg.Delivery[*msg.Batch]{}, ctx.Err()
	case b := <-s.in:
		return msg.Delivery[*msg.Batch]{Value: b, Attempt: 1, Ack: func(err error) {
			if err != nil && !strings.Contains(err.Error(), "cancel") {
				s.t.Errorf("a raw batch is to come again: %v", err)
			}
			s.mu.Lock()
			s.unsure--
			s.mu.Unlock()
		}}, nil
	}
}

func (s *stage) History(context.Context, time.Duration, func(*msg.Batch) error) error { return nil }

func (s *stage) Publish(_ context.Context, b *msg.Batch, done func(error)) error {
	s.mu.Lock()
	s.out = append(s.out, b)
	s.mu.Unlock()
	done(nil)
	return nil
}

// run starts the stage with all built-in steps until the test ends.
func run(t *testing.T, configure func(*Config)) *stage {
	t.Helper()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Skipf("needs the boot id: %v", err)
	}
	cfg := DefaultConfig()
	cfg.HoldFor, cfg.Container.Wait = 10*time.Second, 10*time.Second
	configure(&cfg)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	log, reg := slog.New(slog.NewTextHandler(t.Output(), nil)), prometheus.NewRegistry()
	steps, err := Steps(cfg, log, reg)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, boot: strings.TrimSpace(string(boot)), in: make(chan *msg.Batch, 4096)}
	if s.e, err = enricher.New(cfg.Config, s, s, steps, log, reg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- s.e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-end; err != nil {
			t.Errorf("the stage ended with %v", err)
		}
	})
	waitFor(t, "the stage is ready", func() bool { return s.e.Ready() == nil })
	return s
}

// up says whether all runtimes are watched.
func (s *stage) up() bool {
	_, d := s.e.Health()
	for _, r := range d["container"].(map[string]any)["runtimes"].([]map[string]any) {
		if r["connected"] != true {
			return false
		}
	}
	return true
}

// connected waits until all runtimes are watched.
func (s *stage) connected() {
	s.t.Helper()
	waitFor(s.t, "the runtimes are connected", s.up)
}

// cgroup is a cgroup by its ids.
type cgroup struct {
	path   string
	v2, v1 uint64
}

// hierarchies are where cgroups are made, version 2 first; the second is empty
// where there is no v1 pids controller.
func roots(t *testing.T) (v2, v1 string, v1ID uint32) {
	t.Helper()
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(dir + "/cgroup.procs"); err == nil {
			v2 = dir
		}
	}
	if text, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		for line := range strings.Lines(string(text)) {
			if n, rest, _ := strings.Cut(line, ":"); strings.HasPrefix(rest, "pids:") {
				v1 = "/sys/fs/cgroup/pids"
				for _, c := range n {
					v1ID = v1ID*10 + uint32(c-'0')
				}
			}
		}
	}
	if v2 == "" && v1 == "" {
		t.Skip("needs mounted cgroups")
	}
	return v2, v1, v1ID
}

func inode(path string) uint64 {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return 0
	}
	return st.Ino
}

// look returns the ids of a cgroup that may exist in either hierarchy.
func look(t *testing.T, path string) cgroup {
	v2, v1, _ := roots(t)
	c := cgroup{path: path}
	if v2 != "" {
		if c.v2 = inode(filepath.Join(v2, path)); c.v2 == 0 {
			c.v2 = inode(v2)
		}
	}
	if v1 != "" {
		if c.v1 = inode(filepath.Join(v1, path)); c.v1 == 0 {
			c.v1 = inode(v1)
		}
	}
	return c
}

// startTime returns when a process started, anything for one that is not there.
func startTime(pid int32) uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 12345678
	}
	// Field 22 of proc(5), counted from the end of the name.
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	ticks, _ := strconv.ParseUint(f[19], 10, 64)
	return ticks * 10_000_000
}

// exec sends what a sensor sends when a process executes something.
func (s *stage) exec(pid int32, cg cgroup, path string) uint64 {
	var b msg.Builder
	row := b.Process(&msg.Process{
		Pid: pid, StartTime: startTime(pid), Ppid: 0, Comm: filepath.Base(path),
		Exe: &msg.Executable{Path: path}, Args: []string{path}, Cred: &msg.Credentials{Uid: 0, Gid: 1000},
		CgroupId: cg.v2, CgroupV1Id: cg.v1, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
	})
	e, _ := catalogue.Lookup("sched_process_exec")
	b.Event(&msg.Event{
		Type: uint32(e.ID), Process: row, Tid: pid, Comm: uint32(b.String(filepath.Base(path))),
		Args: make([]int64, len(e.Params)), Absent: 1<<uint(len(e.Params)) - 1,
	})
	return s.send(b.Take())
}

// send numbers the events of a batch and sends it; it returns the number of the last.
func (s *stage) send(b *msg.Batch) uint64 {
	b.Host, b.BootId, b.Source, b.FirstSeq = "host", s.boot, "ebpf", s.seq+1
	for _, e := range b.Events {
		s.seq++
		e.Seq, e.Time = s.seq, time.Now().UnixNano()
	}
	b.LastSeq = s.seq
	s.mu.Lock()
	s.unsure++
	s.mu.Unlock()
	s.in <- b
	return s.seq
}

// find returns a published event by its number.
func (s *stage) find(seq uint64) (msg.Record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.out {
		for i, e := range b.Events {
			if e.Seq == seq {
				return b.Record(i), true
			}
		}
	}
	return msg.Record{}, false
}

// await waits for an event to be published.
func (s *stage) await(seq uint64) msg.Record {
	s.t.Helper()
	var r msg.Record
	waitFor(s.t, "an event is published", func() (ok bool) { r, ok = s.find(seq); return })
	return r
}

func waitFor(t *testing.T, what string, f func() bool) {
	t.Helper()
	for range 6000 {
		if f() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never happened: %s", what)
}

// hung is a runtime that takes every question and answers none.
func hung(t *testing.T) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "hung")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			_ = c.Close()
		}
		_ = os.RemoveAll(dir)
	})
	return socket
}

// slowed passes what is asked of a socket on after a while.
func slowed(t *testing.T, to string, by time.Duration) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "slow")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	pass := func(from, to net.Conn, by time.Duration) {
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			time.Sleep(by)
			if n > 0 {
				if _, err := to.Write(buf[:n]); err != nil {
					break
				}
			}
			if err != nil {
				break
			}
		}
		_, _ = from.Close(), to.Close()
	}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d, err := net.Dial("unix", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			stop := context.AfterFunc(ctx, func() { _, _ = c.Close(), d.Close() })
			all.Go(func() { pass(c, d, by); stop() })
			all.Go(func() { pass(d, c, 0) })
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		all.Wait()
		_ = os.RemoveAll(dir)
	})
	return socket
}
