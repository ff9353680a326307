package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// engine is a Docker engine of this test's own, in a network namespace of its
// own: its bridges and rules are nobody else's, and go with it.
type engine struct {
	t      *testing.T
	dir    string // everything of the engine's
	socket string
	netns  string
}

// newEngine starts it, and takes it away at the end of the test together with
// a look at what was left behind.
func newEngine(t *testing.T) *engine {
	t.Helper()
	daemon := need(t, "dockerd")
	for _, program := range []string{"docker", "ip", "nsenter", "iptables-save"} {
		need(t, program)
	}
	dir, err := os.MkdirTemp("", "tl-stack")
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, dir: dir, socket: filepath.Join(dir, "docker.sock"), netns: filepath.Base(dir)}
	rules := run(t, "iptables-save")
	run(t, "ip", "netns", "add", e.netns)
	run(t, "ip", "-n", e.netns, "link", "set", "lo", "up")
	// ip netns exec would hide the cgroups from the engine.
	cmd := exec.Command("nsenter", "--net=/run/netns/"+e.netns, daemon,
		"--host", "unix://"+e.socket, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid")
	var log output
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		run(t, "ip", "netns", "del", e.netns)
		e.nothingLeft(rules)
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("left behind: %v", err)
		}
		if t.Failed() {
			t.Logf("dockerd\n%s", tail(log.String()))
		}
	})
	eventually(t, "the Docker engine", func() bool { return e.docker("version").Run() == nil })
	return e
}

// docker is a command of the client.
func (e *engine) docker(args ...string) *exec.Cmd {
	cmd := exec.Command("docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+e.socket, "DOCKER_SOCKET="+e.socket)
	return cmd
}

// try runs a command of the client and returns what it printed.
func (e *engine) try(args ...string) string {
	e.t.Helper()
	out, err := e.docker(args...).CombinedOutput()
	if err != nil {
		e.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, tail(string(out)))
	}
	return string(out)
}

// nothingLeft looks for what an engine that is gone may have left on this
// machine: processes, mounts, network namespaces and packet filters.
func (e *engine) nothingLeft(rules string) {
	e.t.Helper()
	var left string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if left = e.processes() + e.mounts(); left == "" {
			break
		}
	}
	if left != "" {
		e.t.Errorf("left behind:\n%s", left)
	}
	if strings.Contains(run(e.t, "ip", "netns", "list"), e.netns) {
		e.t.Errorf("left behind: network namespace %s", e.netns)
	}
	if now := run(e.t, "iptables-save"); !slices.Equal(filters(now), filters(rules)) {
		e.t.Errorf("packet filters of this machine were changed:\n%s\nwas\n%s", now, rules)
	}
}

// filters leaves out the comments, which tell the time.
func filters(saved string) (lines []string) {
	for line := range strings.Lines(saved) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ":") {
			lines = append(lines, line)
		}
	}
	return lines
}

// processes lists those whose command line names the engine's directory.
func (e *engine) processes() (left string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range all {
		if b, err := os.ReadFile(p); err == nil && strings.Contains(string(b), e.dir) {
			left += fmt.Sprintf("process %s: %s\n", p, strings.ReplaceAll(string(b), "\x00", " "))
		}
	}
	return left
}

func (e *engine) mounts() (left string) {
	b, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, e.dir) {
			left += "mount " + line
		}
	}
	return left
}
