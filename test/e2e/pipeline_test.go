package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

const trc2 = "rules/rego/anti_debugging.rego"

// TestStraceOnOneProcess is the first thing a new user does.
func TestStraceOnOneProcess(t *testing.T) {
	need(t, "strace")
	serve, _ := bus(t)
	p := start(t, append([]string{"run", "--rules-dir", ruleDir(t, trc2)}, serve...)...).ready()
	cmd := exec.Command("strace", "-o", "/dev/null", "ls")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the detection", func() bool { return strings.Contains(p.out.String(), "TRC-2\nSignature:") })

	host, _ := os.Hostname()
	want := regexp.MustCompile(`(?m)^\*\*\* Detection \*\*\*
Time: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ
Signature ID: TRC-2
Signature: Anti-Debugging
Data: map\[\]
Command: strace
Hostname: ` + regexp.QuoteMeta(host) + `$`)
	if got := p.out.String(); !want.MatchString(got) {
		t.Errorf("not the classic layout:\n%s", got)
	}
	if got := p.out.String(); !strings.Contains(got, fmt.Sprintf("Pid: %d", childOf(cmd, got))) {
		t.Errorf("not the pid of strace's child:\n%s", got)
	}
	p.stop()
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	if !strings.Contains(p.err.String(), "detections") {
		t.Errorf("no summary at the end:\n%s", p.err.String())
	}
}

// childOf returns the pid that the detection should name: PTRACE_TRACEME is
// called by a child of strace, so by a pid a little above strace's own.
func childOf(cmd *exec.Cmd, out string) int {
	m := regexp.MustCompile(`Pid: (\d+)`).FindStringSubmatch(out)
	if m == nil {
		return -1
	}
	var pid int
	fmt.Sscan(m[1], &pid)
	if parent := cmd.ProcessState.Pid(); pid > parent && pid < parent+100 {
		return pid
	}
	return -1
}

// TestSeparateProcessesSurviveKills runs each stage on its own and kills two
// of them while detections are being made: none is lost, none is doubled.
func TestSeparateProcessesSurviveKills(t *testing.T) {
	need(t, "strace")
	serve, url := bus(t)
	rules := ruleDir(t, trc2)
	matcher := []string{"run", "matcher", "--nats", url, "--rules-dir", rules}
	enricher := []string{"run", "enricher", "--nats", url}
	start(t, append([]string{"run", "nats"}, serve...)...).ready()
	start(t, "run", "sensor", "--nats", url).ready()
	e := start(t, enricher...).ready()
	m := start(t, matcher...).ready()
	n := start(t, "run", "notifier", "--nats", url, "--output", "json").ready()
	gateOpen(t, url, "ptrace")

	const runs = 200
	for i := range runs {
		began := time.Now()
		run(t, "strace", "-o", "/dev/null", "ls")
		switch i {
		case 50:
			e.kill()
		case 55:
			e = start(t, enricher...)
		case 100:
			m.kill()
		case 105:
			m = start(t, matcher...)
		case 140:
			e.kill()
			m.kill()
		case 141:
			start(t, enricher...)
			start(t, matcher...)
		}
		time.Sleep(max(0, 50*time.Millisecond-time.Since(began)))
	}
	// Others may run strace on this machine meanwhile; ours are our children,
	// which the enricher must know whatever happened to it.
	found := func() (ours []msg.Detection) {
		for _, d := range lines[msg.Detection](n.out.String()) {
			if slices.ContainsFunc(d.Event.Process.Ancestors, func(a msg.AncestorJSON) bool { return int(a.PID) == os.Getpid() }) {
				ours = append(ours, d)
			}
		}
		return ours
	}
	eventually(t, "200 detections", func() bool { return len(found()) >= runs })
	time.Sleep(3 * time.Second) // for what should not come: doubles
	all := found()
	ids, pids := map[string]bool{}, map[int32]bool{}
	for _, d := range all {
		ids[d.ID] = true
		pids[d.Event.Process.PID] = true
		if d.Event.Comm != "strace" {
			t.Errorf("detection of %q, want strace", d.Event.Comm)
		}
	}
	if len(all) != runs || len(ids) != runs || len(pids) != runs {
		t.Errorf("%d detections, %d distinct ids, %d distinct processes; want %d of each", len(all), len(ids), len(pids), runs)
	}
}

// gateOpen waits until the sensor lets an event through.
func gateOpen(t *testing.T, url, event string) {
	t.Helper()
	eventually(t, event+" in the gate", func() bool { return slices.Contains(enabled(t, url), event) })
}

// enabled asks tripline status which events the kernel lets through.
func enabled(t *testing.T, url string) []string {
	t.Helper()
	out, err := exec.Command(binary(t), "status", "--nats", url, "-o", "json").Output()
	if err != nil {
		return nil
	}
	for _, h := range lines[msg.Heartbeat](string(out)) {
		if h.Stage == "sensor" {
			var names []string
			b, _ := json.Marshal(h.Detail["enabled"])
			_ = json.Unmarshal(b, &names)
			return names
		}
	}
	return nil
}

// TestGateFollowsRules: the kernel lets through what the rules name, and
// follows them without a restart.
func TestGateFollowsRules(t *testing.T) {
	serve, url := bus(t)
	dir := ruleDir(t, trc2)
	start(t, append([]string{"run", "--rules-dir", dir}, serve...)...).ready()
	gateOpen(t, url, "ptrace")
	// Those of processes and containers are always on.
	lifecycle := []string{
		"cgroup_attach_task", "cgroup_mkdir", "cgroup_rmdir", "sched_process_exec", "sched_process_exit", "sched_process_fork",
		"container_create", "container_remove", "existing_container", "init_namespaces",
	}
	beside := func(names []string) (rest []string) {
		for _, n := range names {
			if !slices.Contains(lifecycle, n) {
				rest = append(rest, n)
			}
		}
		return rest
	}
	if got := beside(enabled(t, url)); !slices.Equal(got, []string{"ptrace"}) {
		t.Errorf("the gate lets through %v beside the lifecycle, want ptrace alone", got)
	}

	const other = `package tracee.TEST_1
__rego_metadoc__ := {"id": "TEST-1", "name": "chroot called"}
tracee_selected_events[s] { s := {"source": "tracee", "name": "chroot"} }
tracee_match { input.eventName == "chroot" }
`
	if err := os.WriteFile(filepath.Join(dir, "other.rego"), []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	gateOpen(t, url, "chroot")
	if err := os.Remove(filepath.Join(dir, filepath.Base(trc2))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "chroot alone", func() bool { return slices.Equal(beside(enabled(t, url)), []string{"chroot"}) })
}

// TestStockClient: what people see with the nats command.
func TestStockClient(t *testing.T) {
	need(t, "strace")
	nats := os.Getenv("NATS_BIN")
	if nats == "" {
		t.Skip("needs NATS_BIN, the stock nats command: make test-e2e installs it")
	}
	serve, url := bus(t)
	start(t, append([]string{"run", "--rules-dir", ruleDir(t, trc2)}, serve...)...).ready()
	gateOpen(t, url, "ptrace")
	detections := follow(t, nats, "--server", url, "sub", "--raw", "tripline.detections.>")
	events := follow(t, nats, "--server", url, "sub", "--raw", "tripline.tail.events.>")
	subjects := follow(t, nats, "--server", url, "sub", "tripline.tail.events.*.ptrace")

	eventually(t, "JSON from the stock client", func() bool {
		run(t, "strace", "-o", "/dev/null", "true")
		for _, e := range lines[msg.EventJSON](events.String()) {
			if e.Name == "ptrace" && e.Process != nil && e.Comm == "strace" {
				return len(lines[msg.Detection](detections.String())) > 0 && strings.Contains(subjects.String(), "tripline.tail.events.")
			}
		}
		return false
	})
	d := lines[msg.Detection](detections.String())[0]
	if d.Rule.ID != "TRC-2" || d.Priority != msg.Error {
		t.Errorf("detection %+v, want TRC-2 of priority error", d.Rule)
	}
}

// TestMistakes: one clear line each, and the right exit code.
func TestMistakes(t *testing.T) {
	bin := binary(t)
	serve, url := bus(t)
	start(t, append([]string{"run", "nats"}, serve...)...).ready()
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"taken port", append([]string{"run", "nats"}, serve...), 1, []string{strings.TrimPrefix(url, "nats://"), "--listen"}},
		{"no rules directory", []string{"run", "matcher", "--nats", url, "--rules-dir", "/nonexistent/rules"}, 1, []string{"/nonexistent/rules"}},
		{"no such flag", []string{"run", "--no-such-flag"}, 2, []string{"--no-such-flag"}},
		{"no such stage", []string{"run", "collector"}, 2, []string{"collector", "sensor"}},
		{"no server", []string{"run", "notifier", "--nats", "nats://127.0.0.1:1"}, 1, []string{"127.0.0.1:1"}},
		{"no such event", []string{"events", "describe", "opanat"}, 1, []string{"opanat"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(bin, c.args...)
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, out)
			}
			for _, s := range c.says {
				if !strings.Contains(string(out), s) {
					t.Errorf("does not say %q:\n%s", s, out)
				}
			}
		})
	}
}
