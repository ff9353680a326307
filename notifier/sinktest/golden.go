package sinktest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tripline/tripline/notifier"
)

// Golden compares what a sink wrote with a file in testdata. With the
// environment variable UPDATE_GOLDEN set, the file is written anew.
func Golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: wrote\n%s\nwant\n%s", name, got, want)
	}
}

// Request is what a receiver got.
type Request struct {
	Method, Path string // the path with its query
	Header       http.Header
	Body         []byte
}

// Receiver is an HTTP server that takes everything and remembers it.
type Receiver struct {
	URL string

	mu  sync.Mutex
	got []Request
}

// NewReceiver starts one for the length of the test.
func NewReceiver(t *testing.T) *Receiver {
	t.Helper()
	r := &Receiver{}
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, Request{req.Method, req.URL.String(), req.Header.Clone(), body})
	}))
	t.Cleanup(srv.Close)
	r.URL = srv.URL
	return r
}

// Last returns the latest request.
func (r *Receiver) Last(t *testing.T) Request {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) == 0 {
		t.Fatal("nothing was posted")
	}
	return r.got[len(r.got)-1]
}

// GoldenJSON delivers every sample and compares the bodies, which must be
// JSON, with testdata/<sample>.json, indented so that people can judge them.
// The body for the huge sample must be no longer than limit bytes instead.
func GoldenJSON(t *testing.T, s notifier.Sink, r *Receiver, limit int) {
	t.Helper()
	s = open(t, s)
	for _, sample := range Samples() {
		t.Run(sample.Name, func(t *testing.T) {
			if err := s.Deliver(t.Context(), sample.Detection); err != nil {
				t.Fatal(err)
			}
			body := r.Last(t).Body
			if len(body) > limit {
				t.Errorf("%d bytes, more than %d", len(body), limit)
			}
			var b bytes.Buffer
			if err := json.Indent(&b, body, "", "  "); err != nil {
				t.Fatalf("%v in %q", err, body)
			}
			if sample.Name != "huge" {
				Golden(t, sample.Name+".json", append(b.Bytes(), '\n'))
			}
		})
	}
}

// Harmless fails when a text holds a character that Hostile brings and that
// is obeyed rather than seen.
func Harmless(t *testing.T, s string) {
	t.Helper()
	for _, r := range s {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x202e || r == 0x202c || r == 0x2028 || r == 0x200b || r == 0xe0041 {
			t.Errorf("%U is passed on as it is", r)
		}
	}
}
