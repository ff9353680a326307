package sinktest

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripline/tripline/notifier"
)

// Secret stands in the URL that [HTTP] gives to sinks.
const Secret = "s3cr3t-t0ken-in-the-url"

// Builder makes a sink for a receiver at url, whose last path element is
// [Secret]. A request must take no longer than timeout.
type Builder func(t *testing.T, url string, timeout time.Duration) notifier.Sink

// long is a time-out that no test waits for.
const long = time.Minute

// HTTP checks what holds for every sink that speaks HTTP: the right verdict on
// every answer and on none, Retry-After, no secret in any error, connections
// kept.
func HTTP(t *testing.T, build Builder) {
	t.Helper()
	HTTPAnswering(t, build, "thank you")
}

// HTTPAnswering is HTTP for sinks that read what the receiver says when it takes
// something.
func HTTPAnswering(t *testing.T, build Builder, thanks string) {
	t.Helper()
	t.Run("answers", func(t *testing.T) { answers(t, build, thanks) })
	t.Run("recovers", func(t *testing.T) { recovers(t, build, thanks) })
	t.Run("hang", func(t *testing.T) { hang(t, build) })
	t.Run("no receiver", func(t *testing.T) { noReceiver(t, build) })
	t.Run("broken connection", func(t *testing.T) { brokenConnection(t, build) })
	t.Run("redirect", func(t *testing.T) { redirect(t, build) })
	t.Run("untrusted certificate", func(t *testing.T) { untrusted(t, build) })
	t.Run("keeps its connection", func(t *testing.T) { keepsConnection(t, build, thanks) })
}

// verdict is what a failure must say.
type verdict struct {
	reason notifier.Reason
	retry  bool
	after  time.Duration
}

func (v verdict) check(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := notifier.ReasonOf(err); got != v.reason {
		t.Errorf("reason %s, want %s: %v", got, v.reason, err)
	}
	if got := notifier.Retryable(err); got != v.retry {
		t.Errorf("retryable %v, want %v: %v", got, v.retry, err)
	}
	if got := notifier.RetryAfter(err); got != v.after {
		t.Errorf("retry after %v, want %v", got, v.after)
	}
	if strings.Contains(err.Error(), Secret) {
		t.Errorf("the error holds the secret: %v", err)
	}
	if strings.ContainsAny(err.Error(), "\x1b\n\r") {
		t.Errorf("the error holds control characters: %q", err)
	}
}

// receiver serves a handler and builds a sink for it.
func receiver(t *testing.T, build Builder, timeout time.Duration, h http.HandlerFunc) notifier.Sink {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return open(t, build(t, srv.URL+"/hook/"+Secret, timeout))
}

func answers(t *testing.T, build Builder, thanks string) {
	for _, c := range []struct {
		name   string
		status int
		header map[string]string
		want   *verdict // nil for success
	}{
		{"200", 200, nil, nil},
		{"201", 201, nil, nil},
		{"202", 202, nil, nil},
		{"204", 204, nil, nil},
		{"400", 400, nil, &verdict{notifier.ReasonClient, false, 0}},
		{"401", 401, nil, &verdict{notifier.ReasonAuth, false, 0}},
		{"403", 403, nil, &verdict{notifier.ReasonAuth, false, 0}},
		{"404", 404, nil, &verdict{notifier.ReasonClient, false, 0}},
		{"408", 408, nil, &verdict{notifier.ReasonTimeout, true, 0}},
		{"413", 413, nil, &verdict{notifier.ReasonClient, false, 0}},
		{"429", 429, nil, &verdict{notifier.ReasonRateLimited, true, 0}},
		{"429 with seconds", 429, map[string]string{"Retry-After": "17"}, &verdict{notifier.ReasonRateLimited, true, 17 * time.Second}},
		{"429 with nonsense", 429, map[string]string{"Retry-After": "soon"}, &verdict{notifier.ReasonRateLimited, true, 0}},
		{"500", 500, nil, &verdict{notifier.ReasonServer, true, 0}},
		{"502", 502, nil, &verdict{notifier.ReasonServer, true, 0}},
		{"503 with a date in the past", 503, map[string]string{"Retry-After": "Wed, 11 May 2022 03:07:15 GMT"}, &verdict{notifier.ReasonServer, true, 0}},
		{"503 with seconds", 503, map[string]string{"Retry-After": "60"}, &verdict{notifier.ReasonServer, true, time.Minute}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := receiver(t, build, long, func(w http.ResponseWriter, r *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				switch {
				case c.status == 204:
				case c.status/100 == 2:
					_, _ = w.Write([]byte(thanks))
				default:
					// A receiver that repeats what it was asked, and is rude.
					_, _ = w.Write([]byte("no:\x1b[2J\n" + r.URL.String()))
				}
			})
			err := within(t, func() error { return s.Deliver(t.Context(), Plain()) })
			if c.want == nil {
				if err != nil {
					t.Errorf("%v, want success", err)
				}
				return
			}
			c.want.check(t, err)
		})
	}
}

func recovers(t *testing.T, build Builder, thanks string) {
	var n atomic.Int32
	s := receiver(t, build, long, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			w.WriteHeader(500)
			return
		}
		_, _ = w.Write([]byte(thanks))
	})
	if err := s.Deliver(t.Context(), Plain()); !notifier.Retryable(err) {
		t.Fatalf("after a 500: %v", err)
	}
	if err := s.Deliver(t.Context(), Plain()); err != nil {
		t.Errorf("the receiver is well again: %v", err)
	}
}

func hang(t *testing.T, build Builder) {
	arrived := make(chan struct{}, 16)
	handler := func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		// The body has to be read before the server notices that the client left.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	t.Run("times out", func(t *testing.T) {
		s := receiver(t, build, 50*time.Millisecond, handler)
		verdict{notifier.ReasonTimeout, true, 0}.check(t, within(t, func() error { return s.Deliver(t.Context(), Plain()) }))
	})
	t.Run("gives way to a stop", func(t *testing.T) {
		s := receiver(t, build, long, handler)
		for len(arrived) > 0 {
			<-arrived
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		if err := within(t, func() error { return s.Deliver(ctx, Plain()) }); !notifier.Retryable(err) {
			t.Errorf("a stop is taken for the detection's fault: %v", err)
		}
	})
}

func noReceiver(t *testing.T, build Builder) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	s := open(t, build(t, "http://"+addr+"/hook/"+Secret, long))
	verdict{notifier.ReasonUnreachable, true, 0}.check(t, within(t, func() error { return s.Deliver(t.Context(), Plain()) }))
}

func brokenConnection(t *testing.T, build Builder) {
	s := receiver(t, build, long, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		c.Close()
	})
	verdict{notifier.ReasonUnreachable, true, 0}.check(t, within(t, func() error { return s.Deliver(t.Context(), Plain()) }))
}

func redirect(t *testing.T, build Builder) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 307, 308} {
		s := receiver(t, build, long, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, status)
		})
		verdict{notifier.ReasonClient, false, 0}.check(t, within(t, func() error { return s.Deliver(t.Context(), Plain()) }))
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func untrusted(t *testing.T, build Builder) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a detection was given to somebody we do not trust")
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	srv.StartTLS()
	defer srv.Close()
	s := open(t, build(t, srv.URL+"/hook/"+Secret, long))
	verdict{notifier.ReasonTLS, true, 0}.check(t, within(t, func() error { return s.Deliver(t.Context(), Plain()) }))
}

func keepsConnection(t *testing.T, build Builder, thanks string) {
	var opened atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(thanks))
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	s := open(t, build(t, srv.URL+"/hook/"+Secret, long))
	for range 10 {
		if err := s.Deliver(t.Context(), Plain()); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 10 deliveries in a row", n)
	}
}
