package bus

import (
	"context"
	"time"
)

// sleep waits and reports whether the context still stands.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// retry calls f until it succeeds, with pauses that double from least to most.
// It tells of an error that differs from the one before, and returns only nil
// or the context's error.
func retry(ctx context.Context, least, most time.Duration, f func() error, tell func(error)) error {
	told := ""
	for pause := least; ; pause = min(2*pause, most) {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err.Error() != told {
			told = err.Error()
			tell(err)
		}
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
	}
}
