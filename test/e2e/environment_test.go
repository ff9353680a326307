package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	natsbus "github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/pkg/msg"
)

// seen says on which subjects a text has passed, in whatever form.
type seen struct {
	mu       sync.Mutex
	texts    []string
	on       map[string][]string // subjects by text
	messages int
}

func (s *seen) take(subject string, data []byte) {
	text := string(data)
	b := &msg.Batch{}
	if err := msg.Unmarshal(data, b); err == nil {
		text = b.String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages++
	for _, t := range s.texts {
		if strings.Contains(text, t) && !slices.Contains(s.on[t], subject) {
			s.on[t] = append(s.on[t], subject)
		}
	}
}

func (s *seen) of(text string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.on[text])
}

// TestEnvironmentIsAskedForByName: a rule that asks for one variable sees it,
// one that comes later sees another of a process that runs already, and what no
// rule asks for is on no subject at all, though programs' starts are followed.
func TestEnvironmentIsAskedForByName(t *testing.T) {
	serve, url := bus(t)
	dir, rules := t.TempDir(), t.TempDir()
	id := fmt.Sprint(os.Getpid(), time.Now().UnixNano())[4:]
	value := func(name string) string { return strings.ToLower(name) + "-" + strings.ReplaceAll(id, " ", "") }
	env := func(names ...string) (out []string) {
		for _, n := range names {
			out = append(out, n+"="+value(n))
		}
		return out
	}
	file := filepath.Join(dir, "read-again-and-again")
	program := filepath.Join(dir, "coloured")
	copyFile(t, "/bin/true", program)
	for name, content := range map[string]string{
		file: "x\n",
		filepath.Join(rules, "colour.yaml"): `- rule: Coloured program
  desc: test
  condition: evt.type = execve and proc.exepath = ` + program + `
  output: "colour=%proc.env[COLOUR] later=%proc.env[LATER]"
  priority: INFO
`,
	} {
		if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}

	// It runs before anybody asks, and has a parent with variables of its own.
	loop := exec.Command("/bin/sh", "-c", `while :; do read line < `+file+`; sleep 0.1; done`)
	loop.Env = append(env("LATE", "SECRET"), "PATH=/bin:/usr/bin")
	if err := loop.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = loop.Process.Kill(); _ = loop.Wait() })

	start(t, append([]string{"run", "nats"}, serve...)...).ready()
	p := &seen{texts: []string{value("COLOUR"), value("LATE"), value("SECRET")}, on: map[string][]string{}}
	ctx, cancel := context.WithCancel(context.Background())
	c := natsbus.DefaultConfig()
	c.URL, c.Name = url, "test"
	b, err := natsbus.Connect(ctx, c, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if dropped, err := b.Tail(ctx, ">", p.take); dropped > 0 || err != nil {
			t.Errorf("the test was too slow for %d messages, %v", dropped, err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended; b.Close() })
	// The arguments of these hold whole environments.
	if err := b.Demand("test").Announce(ctx, msg.Demand{Who: "test", Events: []msg.EventDemand{{Name: "execve"}, {Name: "security_bprm_check"}, {Name: "openat"}}}); err != nil {
		t.Fatal(err)
	}

	// What others do on the machine would be more than a test can look through.
	start(t, "run", "sensor", "--nats", url, "--scope", fmt.Sprintf("tree=%d", os.Getpid())).ready()
	start(t, "run", "enricher", "--nats", url).ready()
	start(t, "run", "matcher", "--nats", url, "--rules-dir", rules).ready()
	n := start(t, "run", "notifier", "--nats", url, "--output", "json").ready()
	gateOpen(t, url, "execve")
	found := func(text string) bool {
		return slices.ContainsFunc(lines[msg.Detection](n.out.String()), func(d msg.Detection) bool { return strings.Contains(d.Output, text) })
	}
	eventually(t, "the variable that the rule asks for", func() bool {
		cmd := exec.Command(program)
		cmd.Env = env("COLOUR", "SECRET")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		return found("colour=" + value("COLOUR") + " ")
	})
	if on := p.of(value("LATE")); len(on) > 0 {
		t.Errorf("nobody has asked for it, and it passes on %v", on)
	}
	if on := p.of(value("COLOUR")); !slices.ContainsFunc(on, func(s string) bool { return strings.HasPrefix(s, msg.SubjectRaw) }) ||
		!slices.ContainsFunc(on, func(s string) bool { return strings.HasPrefix(s, msg.SubjectEvents) }) {
		t.Errorf("what is asked for passes on %v: the test does not see what it should", on)
	}

	late := `- rule: File read again
  desc: test
  condition: evt.type = openat and fd.name = ` + file + ` and proc.name = sh
  output: "late=%proc.env[LATE]"
  priority: INFO
`
	if err := os.WriteFile(filepath.Join(rules, "late.yaml"), []byte(late), 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the variable that is asked for later", func() bool { return found("late=" + value("LATE")) })
	if on := p.of(value("SECRET")); len(on) > 0 {
		t.Errorf("nobody asks for it, and it passes on %v", on)
	}
	t.Logf("of %d messages none held the variable that nobody asked for", p.messages)
}
