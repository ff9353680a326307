package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	stop := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "sensor: no BTF\nnats: no connection", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	ill := httptest.NewServer(mux)
	well := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }))
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer func() { close(stop); ill.Close(); well.Close(); hung.Close() }()
	address := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	_, port, _ := strings.Cut(address(well), ":")

	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"ready", []string{"--http", address(well)}, 0, "ok\n"},
		{"where it listens everywhere", []string{"--http", ":" + port}, 0, "ok\n"},
		{"not ready", []string{"--http", address(ill)}, 1, "tripline: not ready: sensor: no BTF\ntripline: nats: no connection\n"},
		{"alive", []string{"--http", address(ill), "--live"}, 0, "ok\n"},
		{"hung", []string{"--http", address(hung), "--timeout", "100ms"}, 1, "no answer, so not ready"},
		{"nobody there", []string{"--http", "127.0.0.1:1"}, 1, "no answer, so not ready"},
		{"no port", []string{"--http", "localhost"}, 2, `"localhost" is not host:port`},
		{"no time", []string{"--timeout", "0s"}, 2, "--timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			code, out, errs := command(append([]string{"health"}, c.args...)...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("code %d, says %q; want %d, %q", code, out+errs, c.code, c.says)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestHealthAddress(t *testing.T) {
	t.Setenv("TRIPLINE_HTTP", "127.0.0.1:1")
	if code, _, errs := command("health"); code != 1 || !strings.Contains(errs, "127.0.0.1:1") {
		t.Errorf("code %d, %q: TRIPLINE_HTTP does not serve health", code, errs)
	}
	for listen, want := range map[string]string{
		":9464": "http://127.0.0.1:9464/readyz", "0.0.0.0:1": "http://127.0.0.1:1/readyz",
		"[::]:1": "http://[::1]:1/readyz", "[::1]:1": "http://[::1]:1/readyz", "matcher:1": "http://matcher:1/readyz",
	} {
		if got, err := healthURL(listen, "/readyz"); err != nil || got != want {
			t.Errorf("healthURL(%s) = %s, %v, want %s", listen, got, err, want)
		}
	}
}
