package actor_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/internal/actor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// journal records what happens, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) want(t *testing.T, want ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.lines, want) {
		t.Errorf("happened: %s\n    want: %s", strings.Join(j.lines, ", "), strings.Join(want, ", "))
	}
}

// worker runs until its context ends and then takes the given time.
func (j *journal) worker(name string, stop time.Duration) actor.Actor {
	return actor.Actor{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(stop)
		j.add(name + " stopped")
		return ctx.Err()
	}}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestStopsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		ctx, cancel := context.WithCancel(t.Context())
		// The later a group stops, the faster it is, so that only the order
		// of the groups explains the outcome.
		enricher := j.worker("enricher", 2*time.Second)
		enricher.Drain = func(context.Context) error {
			time.Sleep(time.Second)
			j.add("enricher drained")
			return nil
		}
		time.AfterFunc(time.Minute, cancel)
		err := actor.Run(ctx, discard(),
			actor.Group{j.worker("sensor", 4*time.Second), j.worker("replay", 3*time.Second)},
			actor.Group{enricher},
			actor.Group{j.worker("server", 0)},
		)
		if err != nil {
			t.Errorf("Run = %v", err)
		}
		j.want(t, "replay stopped", "sensor stopped", "enricher drained", "enricher stopped", "server stopped")
	})
}

func TestStartsLastGroupFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := actor.New(discard(), actor.Group{quiet("sensor")}, actor.Group{quiet("matcher")}, actor.Group{quiet("server")})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, a := range s.States() {
			names = append(names, a.Name)
		}
		if want := []string{"server", "matcher", "sensor"}; !slices.Equal(names, want) {
			t.Errorf("start order %v, want %v", names, want)
		}
	})
}

func quiet(name string) actor.Actor {
	return actor.Actor{Name: name, Run: func(ctx context.Context) error { <-ctx.Done(); return nil }}
}

func TestFirstFailureWins(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name string
		run  func(context.Context) error
		want string
	}{
		{"error", func(context.Context) error { time.Sleep(time.Second); return boom }, "matcher: boom"},
		{"panic", func(context.Context) error { time.Sleep(time.Second); panic("oh") }, "matcher: panic: oh"},
		{"cancelled without being told to", func(context.Context) error { time.Sleep(time.Second); return context.Canceled }, "matcher: context canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				late := actor.Actor{Name: "notifier", Run: func(ctx context.Context) error {
					<-ctx.Done()
					return errors.New("caused by the stop")
				}, Drain: func(context.Context) error { j.add("drained in spite of a failure"); return nil }}
				err := actor.Run(t.Context(), discard(),
					actor.Group{j.worker("sensor", 0)},
					actor.Group{{Name: "matcher", Run: c.run}},
					actor.Group{late, j.worker("server", time.Second)},
				)
				if err == nil || err.Error() != c.want {
					t.Errorf("Run = %v, want %q", err, c.want)
				}
				j.want(t, "sensor stopped", "server stopped")
			})
		})
	}
}

func TestEndOfWork(t *testing.T) {
	for _, c := range []struct {
		name  string
		final bool
		end   time.Duration
	}{
		{"others go on", false, time.Hour},
		{"final stops all", true, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				err := actor.Run(ctx, discard(),
					actor.Group{{Name: "replay", Final: c.final, Run: func(context.Context) error { time.Sleep(time.Second); return nil }}},
					actor.Group{quiet("enricher")},
				)
				if err != nil {
					t.Errorf("Run = %v", err)
				}
				if took := time.Since(start); took != c.end {
					t.Errorf("ran for %v, want %v", took, c.end)
				}
			})
		})
	}
	t.Run("all done", func(t *testing.T) {
		done := func(context.Context) error { return nil }
		if err := actor.Run(t.Context(), discard(), actor.Group{{Name: "a", Run: done}, {Name: "b", Run: done}}); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestStuckActorIsNamedAndLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		release := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err := actor.Run(ctx, discard(),
			actor.Group{{Name: "sensor", Grace: 3 * time.Second, Run: func(context.Context) error { <-release; return nil }}},
			actor.Group{j.worker("server", 0)},
		)
		if err == nil || err.Error() != "sensor: did not stop within 3s" {
			t.Errorf("Run = %v", err)
		}
		j.want(t, "server stopped")
		close(release)
	})
}

func TestDrainIsBounded(t *testing.T) {
	for _, c := range []struct {
		name  string
		drain func(context.Context) error
	}{
		{"too slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{"panic", func(context.Context) error { panic("oh") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				a := j.worker("enricher", 0)
				a.Drain = c.drain
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				if err := actor.Run(ctx, discard(), actor.Group{a}); err != nil {
					t.Errorf("Run = %v", err)
				}
				j.want(t, "enricher stopped")
			})
		})
	}
}

func TestDrainEndsWithItsActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		start := time.Now()
		err := actor.Run(ctx, discard(), actor.Group{{
			Name:  "matcher",
			Grace: time.Hour,
			Run:   func(context.Context) error { time.Sleep(time.Second); return errors.New("lost the server") },
			Drain: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		}})
		if err == nil || err.Error() != "matcher: lost the server" {
			t.Errorf("Run = %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("waited %v for an actor that is gone", took)
		}
	})
}

func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		reason := errors.New("no rules yet")
		matcher := quiet("matcher")
		matcher.Ready = func() error { mu.Lock(); defer mu.Unlock(); return reason }
		once := actor.Actor{Name: "once", Run: func(context.Context) error { return nil }}
		s, err := actor.New(discard(), actor.Group{quiet("sensor"), once}, actor.Group{matcher})
		if err != nil {
			t.Fatal(err)
		}
		text := func() string {
			var out []string
			for _, a := range s.NotReady() {
				out = append(out, a.Name+" "+a.Phase+": "+a.NotReady.Error())
			}
			return strings.Join(out, "; ")
		}
		if got, want := text(), "matcher waiting: not started; sensor waiting: not started; once waiting: not started"; got != want {
			t.Errorf("before the start: %q, want %q", got, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan error)
		go func() { end <- s.Run(ctx) }()
		synctest.Wait()
		if got, want := text(), "matcher running: no rules yet"; got != want {
			t.Errorf("running: %q, want %q", got, want)
		}
		mu.Lock()
		reason = nil
		mu.Unlock()
		if got := text(); got != "" {
			t.Errorf("ready: %q", got)
		}
		cancel()
		if err := <-end; err != nil {
			t.Error(err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups []actor.Group
		want   string
	}{
		{"no name", []actor.Group{{{Run: func(context.Context) error { return nil }}}}, `actor "": needs a name and a function to run`},
		{"nothing to run", []actor.Group{{{Name: "a"}}}, `actor "a": needs a name and a function to run`},
		{"same name", []actor.Group{{quiet("a")}, {quiet("a")}}, `two actors are called "a"`},
		{"negative grace", []actor.Group{{{Name: "a", Grace: -1, Run: quiet("a").Run}}}, `actor "a": negative grace -1ns`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := actor.New(discard(), c.groups...); err == nil || err.Error() != c.want {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}
