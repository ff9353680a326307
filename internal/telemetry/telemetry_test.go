package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestLogger(t *testing.T) {
	const hostile = "evil\x1b[2Jname\nlevel=ERROR forged"
	t.Run("json when not a terminal", func(t *testing.T) {
		var b bytes.Buffer
		log, err := telemetry.NewLogger(&b, telemetry.DefaultConfig().Log)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("hidden")
		log.Info("seen", "comm", hostile)
		var line struct{ Msg, Comm string }
		if err := json.Unmarshal(b.Bytes(), &line); err != nil {
			t.Fatalf("%v in %q", err, b.String())
		}
		if line.Msg != "seen" || line.Comm != hostile {
			t.Errorf("logged %+v", line)
		}
		if strings.ContainsRune(b.String(), 0x1b) {
			t.Errorf("raw escape in %q", b.String())
		}
	})
	t.Run("text", func(t *testing.T) {
		var b bytes.Buffer
		log, err := telemetry.NewLogger(&b, telemetry.LogConfig{Level: "warn", Format: "text"})
		if err != nil {
			t.Fatal(err)
		}
		log.Info("hidden")
		log.Warn("seen", "comm", hostile)
		out := b.String()
		if strings.Contains(out, "hidden") || !strings.Contains(out, "seen") {
			t.Errorf("level ignored: %q", out)
		}
		if strings.ContainsRune(out, 0x1b) || strings.Count(out, "\n") != 1 {
			t.Errorf("control characters of a value reach the terminal: %q", out)
		}
	})
}

func TestConfigRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  telemetry.Config
		want string
	}{
		{"level", telemetry.Config{Log: telemetry.LogConfig{Level: "loud", Format: "json"}}, `log.level: "loud" is not one of debug, info, warn, error`},
		{"format", telemetry.Config{Log: telemetry.LogConfig{Level: "info", Format: "xml"}}, `log.format: "xml" is not one of auto, text, json`},
		{"listen", telemetry.Config{Log: telemetry.DefaultConfig().Log, HTTP: telemetry.HTTPConfig{Listen: "9090"}}, `http.listen: "9090" is not host:port`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.cfg.Validate(); err == nil || err.Error() != c.want {
				t.Errorf("Validate = %v, want %s", err, c.want)
			}
		})
	}
	if err := telemetry.DefaultConfig().Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

// serve runs a server on a free port and returns its base URL.
func serve(t *testing.T, notReady func() []string) string {
	t.Helper()
	s, err := telemetry.NewServer(telemetry.HTTPConfig{Listen: "127.0.0.1:0"}, telemetry.NewRegistry("v-test"), notReady, discard())
	if err != nil {
		t.Fatal(err)
	}
	if s.Ready() == nil {
		t.Error("ready before it listens")
	}
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error, 1)
	go func() { end <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-end; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	for s.Ready() != nil {
		select {
		case err := <-end:
			end <- err
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	return "http://" + s.Addr().String()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestPages(t *testing.T) {
	var reasons []string
	url := serve(t, func() []string { return reasons })
	for _, c := range []struct {
		name, path string
		reasons    []string
		status     int
		want       string
	}{
		{"metrics: build", "/metrics", nil, 200, `version="v-test"`},
		{"metrics: process", "/metrics", nil, 200, "process_resident_memory_bytes"},
		{"metrics: go", "/metrics", nil, 200, "go_goroutines"},
		{"alive", "/healthz", []string{"matcher: no rules"}, 200, "ok\n"},
		{"ready", "/readyz", nil, 200, "ok\n"},
		{"not ready", "/readyz", []string{"matcher: no rules", "sensor: no BTF"}, 503, "matcher: no rules\nsensor: no BTF\n"},
		{"nothing else", "/debug/pprof/", nil, 404, "not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reasons = c.reasons
			status, body := get(t, url+c.path)
			if status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("%d %q, want %d with %q", status, body, c.status, c.want)
			}
		})
	}
}

func TestTakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := telemetry.NewServer(telemetry.HTTPConfig{Listen: l.Addr().String()}, telemetry.NewRegistry(""), func() []string { return nil }, discard())
	if err != nil {
		t.Fatal(err)
	}
	err = s.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) || !strings.Contains(err.Error(), "telemetry.http.listen") {
		t.Errorf("Run = %v: wants the address and what to do", err)
	}
}

func TestOff(t *testing.T) {
	s, err := telemetry.NewServer(telemetry.HTTPConfig{}, telemetry.NewRegistry(""), func() []string { return nil }, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); err != nil {
		t.Errorf("a server that is off is not ready: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Errorf("Run = %v", err)
	}
	if s.Addr() != nil {
		t.Errorf("listens on %v", s.Addr())
	}
}
