// Package bustest gives tests a real NATS server, with JetStream, on a free
// loopback port and a store of its own.
package bustest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/tripline/tripline/internal/bus"
)

// Wait bounds everything in this package that could hang.
const Wait = 30 * time.Second

// New starts a server and joins it in-process; both end with the test.
func New(t testing.TB) *bus.Bus {
	t.Helper()
	return Join(t, Server(t), nil)
}

// Server starts a server that ends with the test.
func Server(t testing.TB) *bus.Server {
	t.Helper()
	cfg := bus.DefaultServerConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.StoreDir = t.TempDir()
	return Embed(t, cfg)
}

// Embed starts a server as configured; it ends with the test, if not before.
func Embed(t testing.TB, cfg bus.ServerConfig) *bus.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Wait)
	defer cancel()
	s, err := bus.Embed(ctx, cfg, Logger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Join connects to the server without a socket, after change (may be nil) has
// changed the default configuration. The connection ends with the test.
func Join(t testing.TB, s *bus.Server, change func(*bus.Config)) *bus.Bus {
	t.Helper()
	return connect(t, func(c *bus.Config) {
		c.Server = s
		if change != nil {
			change(c)
		}
	})
}

// Dial connects over TCP, as a process elsewhere would.
func Dial(t testing.TB, url string, change func(*bus.Config)) *bus.Bus {
	t.Helper()
	return connect(t, func(c *bus.Config) {
		c.URL = url
		if change != nil {
			change(c)
		}
	})
}

func connect(t testing.TB, change func(*bus.Config)) *bus.Bus {
	t.Helper()
	cfg := bus.DefaultConfig()
	cfg.Name = t.Name()
	change(&cfg)
	ctx, cancel := context.WithTimeout(context.Background(), Wait)
	defer cancel()
	b, err := bus.Connect(ctx, cfg, Logger(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// Logger writes to the test's log.
func Logger(t testing.TB) *slog.Logger {
	w := &logWriter{t: t, start: time.Now()}
	t.Cleanup(w.stop)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
}
