package e2e

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
)

// TestProgramOfOnesOwn: a program with a signature of its own joins a running
// Tripline. It gets the events it needs, the other matcher loses none, two of it
// share the work, and when one is killed the other goes on.
func TestProgramOfOnesOwn(t *testing.T) {
	need(t, "strace")
	whoami := need(t, "whoami")
	serve, url := bus(t)
	program := filepath.Join(t.TempDir(), "whoami-rules")
	run(t, "go", "build", "-o", program, "../../pkg/detect/standalone/testdata/whoami")
	p := start(t, append([]string{"run", "--rules-dir", ruleDir(t, trc2), "--output", "json"}, serve...)...).ready()

	join := func() *process {
		own := &process{t: t, cmd: exec.Command(program, "-nats", url), done: make(chan struct{})}
		own.cmd.Stdout, own.cmd.Stderr = &own.out, &own.err
		if err := own.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { _ = own.cmd.Wait(); close(own.done) }()
		t.Cleanup(own.stop)
		eventually(t, "the program to join", func() bool { return strings.Contains(own.err.String(), "joined") })
		return own
	}
	first := join()
	gateOpen(t, url, "execve")

	times := func(rule string, pids []int32) (n int) {
		for _, d := range lines[msg.Detection](p.out.String()) {
			if d.Rule.ID == rule && slices.Contains(pids, d.Event.Process.PID) {
				n++
			}
		}
		return n
	}
	var pids []int32
	ask := func() {
		cmd := exec.Command(whoami)
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, int32(cmd.Process.Pid))
	}
	for range 5 {
		ask()
	}
	run(t, "strace", "-o", "/dev/null", "ls")
	eventually(t, "five findings", func() bool { return times("OWN-1", pids) == 5 })
	eventually(t, "the other matcher's finding", func() bool { return strings.Contains(p.out.String(), `"TRC-2"`) })
	if out := run(t, binary(t), "status", "--nats", url); !strings.Contains(out, "whoami-rules") && !strings.Contains(out, "OWN-1") {
		t.Errorf("status does not show the program:\n%s", out)
	}

	second := join()
	first.kill()
	for range 5 {
		ask()
	}
	eventually(t, "ten findings", func() bool { return times("OWN-1", pids) == 10 })
	second.stop()
	if code := second.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0\n%s", code, second.err.String())
	}
	if n := times("OWN-1", pids); n != 10 {
		t.Errorf("%d findings, want 10", n)
	}
}
