//go:build cgo && linux

package ebpf

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/test/storm"
)

// TestMain lets the test binary stand in for other programs.
func TestMain(m *testing.M) {
	storm.Main()
	if os.Getenv(floodVariable) != "" {
		floodMain()
		os.Exit(0)
	}
	if os.Getenv(threadExecVariable) != "" {
		threadExecMain()
	}
	if os.Getenv("TRIPLINE_TEST_UNPRIVILEGED") != "" {
		_, err := New(DefaultConfig(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		fmt.Println(err)
		for _, f := range Check(context.Background()) {
			fmt.Printf("%s: %v: %s: %s\n", f.Name, f.OK, f.Detail, f.Fix)
		}
		os.Exit(0)
	}
	code := m.Run()
	findings.print()
	os.Exit(code)
}

func TestCheck(t *testing.T) {
	needRoot(t)
	found := make(map[string]Finding)
	for _, f := range Check(t.Context()) {
		found[f.Name] = f
		if !f.OK || f.Detail == "" || f.Fix != "" {
			t.Errorf("%+v", f)
		}
	}
	for _, name := range append(lifecyclePrograms(), progExit, progEnter, progSnapshot) {
		if _, ok := found["program "+name]; !ok {
			t.Errorf("nothing about program %s", name)
		}
	}
	for _, name := range []string{"kernel", "btf", "privilege"} {
		if _, ok := found[name]; !ok {
			t.Errorf("nothing about %s", name)
		}
	}
}

// TestUnprivileged checks that somebody who may not is told so in one line.
func TestUnprivileged(t *testing.T) {
	needRoot(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	// The binary go test makes may lie where nobody else can go.
	dir, err := os.MkdirTemp("/var/tmp", "tripline")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := dir + "/sensor"
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Dir = "/"
	cmd.Env = []string{"TRIPLINE_TEST_UNPRIVILEGED=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	first, rest, _ := strings.Cut(string(out), "\n")
	for _, want := range []string{"not allowed", "run as root", "kernel"} {
		if !strings.Contains(first, want) {
			t.Errorf("the error does not say %q: %s", want, first)
		}
	}
	if !strings.Contains(rest, "privilege: false") {
		t.Errorf("the check finds nothing wrong: %s", rest)
	}
}

func TestConfig(t *testing.T) {
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"ring_bytes":      func(c *Config) { c.RingBytes = 5000 },
		"lifecycle_bytes": func(c *Config) { c.LifecycleBytes = 0 },
		"poll_min":        func(c *Config) { c.PollMin = 0 },
		"poll_max":        func(c *Config) { c.PollMax = c.PollMin / 2 },
		"batch_events":    func(c *Config) { c.BatchEvents = 0 },
		"batch_bytes":     func(c *Config) { c.BatchBytes = 1 },
		"batch_age":       func(c *Config) { c.BatchAge = -1 },
		"buffer_bytes":    func(c *Config) { c.BufferBytes = 2000 },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
