package bus_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
)

// The test binary runs itself as a stage of its own process, to be killed.
const (
	roleEnv = "TRIPLINE_BUS_TEST_ROLE"
	urlEnv  = "TRIPLINE_BUS_TEST_URL"
)

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleEnv); role {
	case "":
		os.Exit(m.Run())
	default:
		if err := runRole(role); err != nil {
			fmt.Fprintln(os.Stderr, role, err)
			os.Exit(1)
		}
	}
}

// runRole prints a line for every message it processes, before it answers.
func runRole(role string) error {
	ctx := context.Background()
	cfg := bus.DefaultConfig()
	cfg.URL, cfg.Name = os.Getenv(urlEnv), role
	b, err := bus.Connect(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, nil)), nil)
	if err != nil {
		return err
	}
	switch role {
	case "enricher":
		// Every third batch is never answered, as if its output were not stored yet.
		c := b.RawConsumer(host)
		for {
			d, err := c.Receive(ctx)
			if err != nil {
				return err
			}
			fmt.Println(d.Value.FirstSeq)
			if d.Value.FirstSeq%3 != 0 {
				d.Ack(nil)
			}
		}
	case "matcher":
		c, err := b.PartitionConsumer(ctx, "matcher")
		if err != nil {
			return err
		}
		for p := range c.Partitions() {
			go func() {
				for {
					d, err := c.Receive(ctx, p)
					if err != nil {
						return
					}
					if len(d.Value.Events) == 0 {
						continue // nothing waits
					}
					fmt.Println(p, d.Value.FirstSeq)
					time.Sleep(time.Millisecond)
					d.Ack(nil)
				}
			}()
		}
		select {}
	}
	return fmt.Errorf("no such role")
}

type process struct {
	cmd   *exec.Cmd
	lines chan string
}

func start(t testing.TB, role, url string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0]), lines: make(chan string, 1<<16)}
	p.cmd.Env = append(os.Environ(), roleEnv+"="+role, urlEnv+"="+url)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { p.kill() })
	return p
}

// kill returns what the process printed and nobody has read.
func (p *process) kill() (rest []string) {
	_ = p.cmd.Process.Kill()
	for line := range p.lines {
		rest = append(rest, line)
	}
	_ = p.cmd.Wait()
	return rest
}

func (p *process) line(t testing.TB) string {
	t.Helper()
	select {
	case l, ok := <-p.lines:
		if !ok {
			t.Fatal("the process ended")
		}
		return l
	case <-time.After(bustest.Wait):
		t.Fatal("the process is silent")
		return ""
	}
}

func TestKilledEnricherLosesNothing(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, func(c *bus.Config) { c.Consumer.RawPending = 1000 })
	raw := must(b.RawPublisher(host))
	publish(t, raw, batches(1, 400)...)
	for range 3 {
		p := start(t, "enricher", s.URL())
		for range 100 {
			p.line(t)
		}
		p.kill()
	}
	publish(t, raw, batches(401, 500)...)
	// Batch 3 was never answered, so the last successor has everything since.
	seqs, got := receive(t, b.RawConsumer(host), 498)
	if want := sequence(3, 500); !slices.Equal(seqs, want) {
		t.Errorf("received %v, want %v", seqs, want)
	}
	for _, d := range got {
		d.Ack(nil)
	}
	eventually(t, "everything to be answered", func() bool {
		p, err := b.Pending(context30(t))
		return err == nil && p.Raw == 0
	})
}

func TestKilledMatcherLosesNothing(t *testing.T) {
	const total = 2000
	s := bustest.Server(t)
	b := bustest.Join(t, s, nil)
	go func() {
		p := must(b.EventsPublisher(host))
		for i, x := range spread(1, total, 16) {
			if err := p.Publish(context.Background(), x, func(error) {}); err != nil {
				return
			}
			if i%10 == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}()
	seen := make(map[uint32][]uint64)
	count := 0
	add := func(line string) {
		var p uint32
		var seq uint64
		if _, err := fmt.Sscan(line, &p, &seq); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if !slices.Contains(seen[p], seq) {
			count++
		}
		seen[p] = append(seen[p], seq)
	}
	for range 3 {
		p := start(t, "matcher", s.URL())
		for range 200 {
			add(p.line(t))
		}
		for _, l := range p.kill() {
			add(l)
		}
	}
	p := start(t, "matcher", s.URL())
	for count < total {
		add(p.line(t))
	}
	for partition, seqs := range seen {
		if !slices.IsSorted(seqs) {
			t.Errorf("partition %d out of order: %s", partition, strings.Trim(fmt.Sprint(seqs), "[]"))
		}
	}
}
