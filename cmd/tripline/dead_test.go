package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/pkg/msg"
)

// tripline runs tripline in this process.
func tripline(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRoot(strings.NewReader(""), &out, &errs)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// TestDead lists, shows, sends and drops dead letters, against a real server
// and a receiver that refuses one of them for good.
func TestDead(t *testing.T) {
	s := bustest.Server(t)
	c := bustest.Join(t, s, nil).SinkConsumer()
	for i := range 30 {
		d := &msg.Detection{ID: fmt.Sprint("d", i), Host: "h\x1b[2J", Rule: msg.RuleInfo{ID: "R", Name: "Rule"}, Output: "o"}
		if err := c.Bury(context.Background(), msg.DeadLetter{Sink: "hook", Reason: "server", Error: "500 \x1b[2J", Attempts: 4, Detection: d}); err != nil {
			t.Fatal(err)
		}
	}
	var (
		mu  sync.Mutex
		got []string
	)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var d msg.Detection
		if err := json.Unmarshal(body, &d); err != nil || d.ID == "d3" {
			http.Error(w, "not this one", http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, d.ID)
	}))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "nats: {url: %q}\nnotifier: {sinks: [{name: hook, type: webhook, url: %q}]}\n", s.URL(), srv.URL), 0o600); err != nil {
		t.Fatal(err)
	}

	out, err := tripline(t, "dead", "list", "--nats", s.URL())
	if err != nil || strings.Count(out, "\n") != 31 || strings.Contains(out, "\x1b") || !strings.Contains(out, "server") {
		t.Errorf("list: %v\n%s", err, out)
	}
	if out, err = tripline(t, "dead", "list", "nobody", "--nats", s.URL()); err != nil || out != "no dead letters\n" {
		t.Errorf("list of another: %v %q", err, out)
	}
	if out, err = tripline(t, "dead", "list", "hook", "-o", "json", "--nats", s.URL()); err != nil || !strings.HasPrefix(out, `{"seq":1,"sink":"hook","reason":"server"`) {
		t.Errorf("list as JSON: %v %.80s", err, out)
	}
	if out, err = tripline(t, "dead", "show", "2", "--nats", s.URL()); err != nil || !strings.Contains(out, `"id": "d1"`) {
		t.Errorf("show: %v %s", err, out)
	}
	for _, bad := range []string{"x", "0", "999"} {
		if _, err = tripline(t, "dead", "show", bad, "--nats", s.URL()); err == nil {
			t.Errorf("show %s: no error", bad)
		}
	}
	if out, err = tripline(t, "dead", "send", "hook", "--config", file, "--number", "2"); err != nil || !strings.HasPrefix(out, "1 sent, 0 still dead") {
		t.Errorf("send one: %v %s", err, out)
	}
	out, err = tripline(t, "dead", "send", "hook", "--config", file)
	if err == nil || !strings.HasPrefix(out, "28 sent, 1 still dead\n  d3: client: the receiver answers 400 Bad Request") {
		t.Errorf("send: %v %s", err, out)
	}
	if len(got) != 29 || got[0] != "d1" || got[1] != "d0" || got[2] != "d2" || got[28] != "d29" {
		t.Errorf("the receiver has %v", got)
	}
	if out, err = tripline(t, "dead", "drop", "hook", "--all", "--nats", s.URL()); err != nil || out != "1 removed\n" {
		t.Errorf("drop: %v %q", err, out)
	}
	if out, err = tripline(t, "dead", "list", "--nats", s.URL()); err != nil || out != "no dead letters\n" {
		t.Errorf("list at the end: %v %q", err, out)
	}
	if _, err = tripline(t, "dead", "send", "nobody", "--config", file); err == nil || !strings.Contains(err.Error(), "no sink is called") {
		t.Errorf("send of nobody: %v", err)
	}
}
