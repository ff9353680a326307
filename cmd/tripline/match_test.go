package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/golang"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/protocol"
)

// counter finds every second event, and the end.
type counter struct {
	cb detect.SignatureHandler
	n  int
}

func (c *counter) GetMetadata() (detect.SignatureMetadata, error) {
	return detect.SignatureMetadata{ID: "COUNT", Name: "count to 2"}, nil
}

func (c *counter) GetSelectedEvents() ([]detect.SignatureEventSelector, error) {
	return []detect.SignatureEventSelector{{Source: "tracee"}}, nil
}

func (c *counter) Init(cb detect.SignatureHandler) error {
	c.cb, c.n = cb, 0
	return nil
}

func (c *counter) OnEvent(e protocol.Event) error {
	if c.n++; c.n%2 == 0 {
		c.cb(detect.Finding{Data: map[string]any{"count": c.n}, Event: e})
	}
	return nil
}

func (c *counter) OnSignal(s detect.Signal) error {
	if source, ok := s.(detect.SignalSourceComplete); ok && source == "tracee" {
		c.cb(detect.Finding{Data: map[string]any{"message": "done", "seen": c.n}})
	}
	return nil
}

func (c *counter) Close() {}

func counting(t *testing.T) *matcher.Ruleset {
	t.Helper()
	lang := golang.New([]func() detect.Signature{func() detect.Signature { return &counter{} }}, nil)
	rs, err := matcher.Load(matcher.DefaultConfig(), []matcher.Language{lang}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// shared is a buffer that one goroutine writes and another reads.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
	// grown gets a value for each write, unless one waits already.
	grown chan struct{}
}

func newShared() *shared { return &shared{grown: make(chan struct{}, 1)} }

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.grown <- struct{}{}:
	default:
	}
	return s.b.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestMatchStream: a detection comes out while the input is still open, and
// the rules are told when it has ended, after all events.
func TestMatchStream(t *testing.T) {
	out := newShared()
	w, err := (&matchOutput{format: "classic"}).open(out)
	if err != nil {
		t.Fatal(err)
	}
	stdin, pipe := io.Pipe()
	done := make(chan error, 1)
	var errs bytes.Buffer
	go func() {
		done <- match(t.Context(), counting(t), &matchInput{files: []string{stdinName}, format: formatJSON}, stdin, w, discard(), &errs)
	}()
	event := `{"eventName":"openat","hostName":"box","processName":"p","processId":1,"hostProcessId":1}` + "\n"
	if _, err := io.WriteString(pipe, event+event); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(out.String(), "Data: map[count:2]") {
		<-out.grown
	}
	if _, err := io.WriteString(pipe, strings.Repeat(event, 999)); err != nil {
		t.Fatal(err)
	}
	_ = pipe.Close()
	if err := <-done; err != nil || errs.Len() > 0 {
		t.Fatalf("%v, %s", err, errs.String())
	}
	text := out.String()
	if n := strings.Count(text, "Data: map[count:"); n != 500 {
		t.Errorf("%d detections, want 500", n)
	}
	last := text[strings.LastIndex(text, "*** Detection ***"):]
	if !strings.Contains(last, "Data: map[message:done seen:1001]") || !strings.Contains(last, "Hostname: box") {
		t.Errorf("the last detection is %s", last)
	}
}

// TestMatchLosesNothing: as many positives as events, every time.
func TestMatchLosesNothing(t *testing.T) {
	var text strings.Builder
	const events = 5000
	for i := range events {
		fmt.Fprintf(&text, `{"eventName":"openat","hostName":"box%d","processName":"p","processId":1,"hostProcessId":1}`+"\n", i/700)
	}
	for range 5 {
		out := newShared()
		w, err := (&matchOutput{format: "json"}).open(out)
		if err != nil {
			t.Fatal(err)
		}
		err = match(t.Context(), counting(t), &matchInput{files: []string{stdinName}}, strings.NewReader(text.String()), w, discard(), io.Discard)
		if n := strings.Count(out.String(), "\n"); err != nil || n != events/2+1 {
			t.Errorf("%d detections, %v; want %d", n, err, events/2+1)
		}
	}
}
