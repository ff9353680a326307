package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestStagesWithKeys runs the stages as docs/nats.md says: over TLS, each with
// its own key.
func TestStagesWithKeys(t *testing.T) {
	need(t, "strace")
	bin := binary(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	host, _ := os.Hostname()
	dir := t.TempDir()
	run(t, bin, "nats", "init", dir, "--server", "127.0.0.1", "--port", port, "--host", host, "--store-dir", t.TempDir())
	file := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	as := func(key string, args ...string) []string {
		return append(args, "--nats", "tls://127.0.0.1:"+port, "--tls-ca", file("ca.crt"), "--nkey", file("keys", key+".nk"))
	}
	start(t, "run", "nats", "--nats-config", file("servers", "127.0.0.1", "nats.conf"), "--nkey", file("keys", "admin.nk")).ready()
	start(t, as("agent-"+host, "run", "sensor", "enricher")...).ready()
	start(t, as("matcher", "run", "matcher", "--rules-dir", ruleDir(t, trc2))...).ready()
	n := start(t, as("notifier", "run", "notifier", "--output", "json")...).ready()
	seen := follow(t, bin, as("tail", "tail", "events", "ptrace")...)
	detections := follow(t, os.Getenv("NATS_BIN"), "--server", "tls://127.0.0.1:"+port, "--tlsca", file("ca.crt"), "--nkey", file("keys", "tail.nk"), "sub", "tripline.detections.>")
	eventually(t, "a ptrace in front of everybody", func() bool {
		if err := exec.Command("strace", "-o", "/dev/null", "true").Run(); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(n.out.String(), "TRC-2") && strings.Contains(seen.String(), "ptrace") && strings.Contains(detections.String(), "TRC-2")
	})
	status := run(t, bin, as("tail", "status")...)
	if !strings.Contains(status, "sensor") || !strings.Contains(status, "matcher") {
		t.Errorf("status:\n%s", status)
	}

	// A stage with another's key says what is wrong and does not run.
	out, err := exec.Command(bin, as("tail", "run", "matcher")...).CombinedOutput()
	if err == nil || strings.Contains(string(out), `"msg":"ready"`) {
		t.Errorf("a matcher ran with the key of tail:\n%s", out)
	}
}
