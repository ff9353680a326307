package provision_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
	"github.com/tripline/tripline/internal/bus/provision"
)

// A stage that may not make the streams waits for whoever may, and says so when
// nobody does.
func TestStageWaitsForStreams(t *testing.T) {
	p := plan(t)
	s := serve(t, p)
	cfg := bus.DefaultConfig()
	cfg.URL, cfg.NKeyFile, cfg.TLS.CAFile = s.URL(), keyFile(p, "matcher"), filepath.Join(p.Dir, "ca.crt")
	cfg.ConnectWait = 0
	started := time.Now()
	b, err := bus.Connect(t.Context(), cfg, bustest.Logger(t), nil)
	if err == nil {
		b.Close()
		t.Fatal("joined without streams")
	}
	if !strings.Contains(err.Error(), bus.StreamRaw) || !strings.Contains(err.Error(), "tripline nats setup") {
		t.Errorf("after %s: %v", time.Since(started), err)
	}
	cfg.ConnectWait = bustest.Wait
	joined := make(chan error, 1)
	go func() {
		b, err := bus.Connect(t.Context(), cfg, bustest.Logger(t), nil)
		if err == nil {
			b.Close()
		}
		joined <- err
	}()
	as(t, p, s, "admin", func(c *bus.Config) { c.Manage = true })
	if err := <-joined; err != nil {
		t.Error(err)
	}
}

func TestWrongKeyIsRefused(t *testing.T) {
	p, other := plan(t), plan(t)
	p.Edges = []string{"edge-1"}
	s := serve(t, p)
	serve(t, other)
	for name, c := range map[string]struct{ key, ca, want string }{
		"a key of another server": {keyFile(other, "admin"), p.Dir, "refuses these credentials"},
		"another authority":       {keyFile(p, "admin"), other.Dir, "certificate"},
		"the key of an edge":      {keyFile(p, "leaf-edge-1"), p.Dir, "refuses these credentials"},
		"no key":                  {"", p.Dir, "refuses these credentials"},
		"no seed in the file":     {filepath.Join(p.Dir, "ca.crt"), p.Dir, "no seed of an nkey"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := bus.DefaultConfig()
			cfg.URL, cfg.NKeyFile, cfg.TLS.CAFile = s.URL(), c.key, filepath.Join(c.ca, "ca.crt")
			b, err := bus.Connect(t.Context(), cfg, bustest.Logger(t), nil)
			if err == nil {
				b.Close()
				t.Fatal("joined")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
		})
	}
}

// What is there is kept: keys and certificates stay the same when a host is
// added.
func TestWriteAgain(t *testing.T) {
	p := plan(t)
	if _, err := provision.Write(p); err != nil {
		t.Fatal(err)
	}
	before := read(t, keyFile(p, "sensor-h1"))
	if again, err := provision.Write(p); err != nil || len(again) != 0 {
		t.Errorf("the same again wrote %v, %v", again, err)
	}
	p.Hosts = append(p.Hosts, "h3")
	written, err := provision.Write(p)
	if err != nil {
		t.Fatal(err)
	}
	if before != read(t, keyFile(p, "sensor-h1")) {
		t.Error("a key has changed")
	}
	if len(written) != 4 { // three keys and the configuration
		t.Errorf("wrote %v", written)
	}
}
