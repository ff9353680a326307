package sinktest

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/pkg/msg"
)

// patience is after how long a sink that should have returned counts as hung.
const patience = 30 * time.Second

// Run checks what holds for every sink whose receiver is well: it takes every
// sample, more than once, and returns when its context has ended.
func Run(t *testing.T, build func(t *testing.T) notifier.Sink) {
	t.Helper()
	t.Run("takes every sample", func(t *testing.T) {
		s := open(t, build(t))
		for range 2 {
			for _, c := range Samples() {
				if err := within(t, func() error { return s.Deliver(t.Context(), c.Detection) }); err != nil {
					t.Errorf("%s: %v", c.Name, err)
				}
			}
		}
	})
	t.Run("takes every sample at once", func(t *testing.T) {
		s, ok := open(t, build(t)).(notifier.BatchSink)
		if !ok {
			t.Skip("it takes one at a time")
		}
		var all []*msg.Stored
		for _, c := range Samples() {
			all = append(all, msg.StoredOf(c.Detection))
		}
		for len(all) > 0 {
			var n int
			err := within(t, func() (err error) { n, err = s.DeliverBatch(t.Context(), all); return err })
			if err != nil || n < 1 || n > len(all) {
				t.Fatalf("%d of %d taken, %v", n, len(all), err)
			}
			all = all[n:]
		}
	})
	t.Run("returns when its context has ended", func(t *testing.T) {
		s := open(t, build(t))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := within(t, func() error { return s.Deliver(ctx, Plain()) }); err != nil && !notifier.Retryable(err) {
			t.Errorf("a stop is taken for the detection's fault: %v", err)
		}
	})
}

// open closes the sink at the end, if it can be closed.
func open(t *testing.T, s notifier.Sink) notifier.Sink {
	t.Helper()
	t.Cleanup(func() {
		if c, ok := s.(io.Closer); ok {
			if err := c.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
	return s
}

// within fails the test when f hangs.
func within(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatalf("still not back after %v", patience)
		return nil
	}
}
