package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
)

// TestLateKnowledge: a detection in a container of which the runtime tells only
// later goes out as partial at once where it can, and complete where it still
// waits; the stock client sees what became known.
func TestLateKnowledge(t *testing.T) {
	engine, client := docker(t)
	image(t, client, "example/late:1.0")
	if out, err := client("run", "-d", "-i", "--network=none", "--name", "late_riser", "example/late:1.0", "/sh", "-c", "read line").CombinedOutput(); err != nil {
		t.Fatalf("docker run: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = client("rm", "-f", "late_riser").Run() })
	rules := t.TempDir()
	if err := os.WriteFile(filepath.Join(rules, "late.yaml"), []byte(`- rule: Marked program in container
  desc: test
  condition: evt.type = execve and container.id != host and proc.cmdline contains marked-for-the-test
  output: "%proc.cmdline"
  priority: INFO
`), 0o644); err != nil {
		t.Fatal(err)
	}
	var (
		open atomic.Bool
		mu   sync.Mutex
		told []msg.Detection
	)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var d msg.Detection
		body, _ := io.ReadAll(r.Body)
		if !open.Load() || json.Unmarshal(body, &d) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		told = append(told, d)
	}))
	t.Cleanup(receiver.Close)

	serve, url := bus(t)
	// Nothing listens there yet.
	socket := filepath.Join(t.TempDir(), "s")
	p := start(t, append([]string{"run", "--rules-dir", rules, "--docker-socket", socket, "--output", "json", "--webhook", receiver.URL}, serve...)...).ready()
	var amendments *output
	if nats := os.Getenv("NATS_BIN"); nats != "" {
		amendments = follow(t, nats, "--server", url, "sub", "--raw", "tripline.amendments.>")
	}
	if out, err := client("exec", "late_riser", "/sh", "-c", ": marked-for-the-test").CombinedOutput(); err != nil {
		t.Fatalf("docker exec: %v\n%s", err, out)
	}
	first := func() *msg.Detection {
		for _, d := range lines[msg.Detection](p.out.String()) {
			if strings.HasPrefix(d.Output, "sh -c") {
				return &d
			}
		}
		return nil
	}
	eventually(t, "the detection on standard output", func() bool { return first() != nil })
	d := first()
	if c := d.Event.Container; c == nil || c.Completeness == "complete" || c.Name != "" {
		t.Errorf("nobody could tell, and it was said of %+v", c)
	}

	if err := os.Symlink(engine, socket); err != nil {
		t.Fatal(err)
	}
	if amendments != nil {
		eventually(t, "the amendment with the stock client", func() bool {
			for _, a := range lines[msg.AmendmentJSON](amendments.String()) {
				if a.Container.ID == d.Event.Container.ID && a.Container.Name == "late_riser" && a.Container.Completeness == "complete" && a.Host == d.Host {
					return true
				}
			}
			return false
		})
	} else {
		t.Log("NATS_BIN is not set: not looked at with the stock client")
		eventually(t, "the runtime", func() bool { return strings.Contains(p.err.String(), `"runtime":"docker","endpoint":"`+socket) })
	}
	open.Store(true)
	eventually(t, "the detection at the receiver that could not take it before", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for _, x := range told {
			if x.ID == d.ID {
				if c := x.Event.Container; c.Name != "late_riser" || c.Image != "example/late:1.0" || c.Completeness != "complete" {
					t.Errorf("the receiver was told of %+v", c)
				}
				return true
			}
		}
		return false
	})
}
