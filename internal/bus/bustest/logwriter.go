package bustest

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// logWriter passes lines on to a test's log until the test has ended, for a
// goroutine that logs later would panic.
type logWriter struct {
	t     testing.TB
	start time.Time

	mu    sync.Mutex
	ended bool
}

func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.t.Logf("%.3fs %s", time.Since(w.start).Seconds(), strings.TrimSuffix(string(p), "\n"))
	}
	return len(p), nil
}

func (w *logWriter) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}
