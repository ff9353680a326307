package exec_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/exec"
	"github.com/tripline/tripline/notifier/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program writes a script.
func program(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func build(t *testing.T, cfg exec.Config) notifier.Sink {
	t.Helper()
	s, err := exec.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func config(command ...string) exec.Config {
	cfg := exec.DefaultConfig()
	cfg.Command, cfg.Timeout = command, time.Minute
	return cfg
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) notifier.Sink { return build(t, config(program(t, "cat >/dev/null"))) })
}

func TestGolden(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	s := build(t, config(program(t, `cat >"$1"`), out))
	for _, sample := range sinktest.Samples() {
		if err := s.Deliver(t.Context(), sample.Detection); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		sinktest.Harmless(t, strings.TrimSuffix(string(got), "\n"))
		if strings.Count(string(got), "\n") != 1 || !json.Valid(got) {
			t.Errorf("%s: not one line of JSON", sample.Name)
		}
		if sample.Name != "huge" {
			sinktest.Golden(t, sample.Name+".json", got)
		}
	}
}

// TestNothingIsACommand: arguments and environment are what is configured,
// word for word, whatever the detection holds.
func TestNothingIsACommand(t *testing.T) {
	t.Setenv("TRIPLINE_SECRET", "s3cr3t")
	out := filepath.Join(t.TempDir(), "out")
	cfg := config(program(t, `out=$1; shift; { for a in "$@"; do echo "arg=$a"; done; env; pwd; } >"$out"; cat >/dev/null`), out, "$HOME; id", "{{.Output}}", "")
	cfg.Environment = map[string]string{"TEAM": "blue; id"}
	cfg.Directory = t.TempDir()
	if err := build(t, cfg).Deliver(t.Context(), sinktest.Hostile()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"arg=$HOME; id\narg={{.Output}}\narg=\n", "TEAM=blue; id\n", "PATH=", "\n" + cfg.Directory + "\n"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for _, no := range []string{"s3cr3t", "evil", "HOME="} {
		if strings.Contains(string(got), no) {
			t.Errorf("%q in\n%s", no, got)
		}
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, text string
		reason     notifier.Reason
		retry      bool
		says       string
	}{
		{"takes it unread", "exit 0", "", false, ""},
		{"fails", "echo no luck >&2; exit 3", notifier.ReasonServer, true, "exit status 3): no luck"},
		{"refuses", "exit 65", notifier.ReasonClient, false, "exit code 65"},
		{"dies", "kill -9 $$", notifier.ReasonServer, true, "killed"},
		{"is rude", `printf '\033[2J\nx' >&2; exit 1`, notifier.ReasonServer, true, `\x1b[2J\nx`},
		{"is talkative", `yes | head -c 1000000; yes | head -c 1000000 >&2; exit 1`, notifier.ReasonServer, true, "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := build(t, config(program(t, c.text))).Deliver(t.Context(), sinktest.Huge())
			if c.reason == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if notifier.ReasonOf(err) != c.reason || notifier.Retryable(err) != c.retry || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("%d bytes: %q", len(err.Error()), err)
			}
		})
	}
	t.Run("is not there any more", func(t *testing.T) {
		file := program(t, "")
		s := build(t, config(file))
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if err := s.Deliver(t.Context(), sinktest.Plain()); notifier.ReasonOf(err) != notifier.ReasonIO || !notifier.Retryable(err) {
			t.Errorf("%v", err)
		}
	})
}

// TestHang: the program and what it started are gone after the timeout.
func TestHang(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	cfg := config(program(t, `sleep 600 & echo $! >"$1"; echo $$ >>"$1"; wait`), pids)
	cfg.Timeout = 500 * time.Millisecond
	s := build(t, cfg)
	began := time.Now()
	err := s.Deliver(t.Context(), sinktest.Plain())
	if notifier.ReasonOf(err) != notifier.ReasonTimeout || !notifier.Retryable(err) || !strings.Contains(err.Error(), "longer than 500ms") {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	list, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for pid := range strings.FieldsSeq(string(list)) {
		gone := false
		for range 300 {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			// A zombie waits for whoever inherits it.
			if gone = err != nil || strings.Contains(string(stat), ") Z "); gone {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if !gone {
			t.Errorf("process %s is still there", pid)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	cfg.Timeout = time.Minute
	if err := build(t, cfg).Deliver(ctx, sinktest.Plain()); !notifier.Retryable(err) {
		t.Errorf("a stop: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*exec.Config)
		want   string
	}{
		{func(c *exec.Config) { c.Command = nil }, "command is not given"},
		{func(c *exec.Config) { c.Command = []string{"true"} }, "is not a whole path"},
		{func(c *exec.Config) { c.Command = []string{"/nonexistent"} }, "command: "},
		{func(c *exec.Config) { c.Command = []string{"/etc/passwd"} }, "command: "},
		{func(c *exec.Config) { c.Environment = map[string]string{"A=B": "x"} }, "environment"},
		{func(c *exec.Config) { c.Timeout = -1 }, "timeout"},
	} {
		cfg := config("/bin/true")
		c.change(&cfg)
		if _, err := exec.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New = %v, want %q", err, c.want)
		}
	}
}
