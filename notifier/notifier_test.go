package notifier_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/policy"
	"github.com/tripline/tripline/notifier/webhook"
	"github.com/tripline/tripline/pkg/msg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func detection(i int) *msg.Detection {
	return &msg.Detection{ID: fmt.Sprint(i), Time: time.Now(), Rule: msg.RuleInfo{ID: "R"}}
}

// store is a source with a position for each sink, and the dead letters.
type store struct {
	mu       sync.Mutex
	items    []*msg.Detection
	next     map[string]int // what is handed out next
	position map[string]int // how many are answered for
	attempts map[string]map[int]uint64
	dead     []msg.DeadLetter
	noGrave  error
	broken   int // how many calls of Receive fail
	changed  chan struct{}
}

func newStore(n int) *store {
	s := &store{next: map[string]int{}, position: map[string]int{}, attempts: map[string]map[int]uint64{}, changed: make(chan struct{})}
	for i := range n {
		s.items = append(s.items, detection(i))
	}
	return s
}

func (s *store) Receive(ctx context.Context, sink string, max int) ([]msg.Delivery[*msg.Stored], error) {
	for {
		s.mu.Lock()
		if s.broken > 0 {
			s.broken--
			s.mu.Unlock()
			return nil, errors.New("no server")
		}
		var out []msg.Delivery[*msg.Stored]
		for len(out) < max && s.next[sink] < len(s.items) {
			out = append(out, s.hand(sink, s.next[sink]))
			s.next[sink]++
		}
		changed := s.changed
		s.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		}
	}
}

// hand makes the delivery of one; refused, it comes again, and all after it.
func (s *store) hand(sink string, i int) msg.Delivery[*msg.Stored] {
	if s.attempts[sink] == nil {
		s.attempts[sink] = map[int]uint64{}
	}
	s.attempts[sink][i]++
	return msg.Delivery[*msg.Stored]{Value: msg.StoredOf(s.items[i]), Attempt: s.attempts[sink][i], Ack: func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err == nil {
			s.position[sink]++
		} else {
			s.next[sink] = min(s.next[sink], i)
		}
		close(s.changed)
		s.changed = make(chan struct{})
	}}
}

// everything is the policy that tells all sinks of all.
func everything(t *testing.T) *policy.Policy {
	t.Helper()
	p, err := policy.New(policy.DefaultConfig(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (s *store) Bury(_ context.Context, d msg.DeadLetter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noGrave != nil {
		return s.noGrave
	}
	s.dead = append(s.dead, d)
	return nil
}

// done waits until the sink has been through everything.
func (s *store) done(ctx context.Context, sink string) {
	for {
		s.mu.Lock()
		end, changed := s.position[sink] == len(s.items), s.changed
		s.mu.Unlock()
		if end {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// sink records what it takes; behave may refuse.
type sink struct {
	behave func(ctx context.Context, try int) error

	mu    sync.Mutex
	tries int
	got   []string
	times []time.Duration // since the first try
	first time.Time
}

func (s *sink) Deliver(ctx context.Context, d *msg.Detection) error {
	s.mu.Lock()
	s.tries++
	try := s.tries
	if s.first.IsZero() {
		s.first = time.Now()
	}
	s.times = append(s.times, time.Since(s.first))
	s.mu.Unlock()
	if s.behave != nil {
		if err := s.behave(ctx, try); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, d.ID)
	return nil
}

func (s *sink) ids() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func ids(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// run runs a notifier until all sinks have been through everything.
func run(t *testing.T, cfg notifier.Config, st *store, sinks ...notifier.Named) *notifier.Notifier {
	t.Helper()
	n, err := notifier.New(cfg, everything(t), st, st, sinks, discard(), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error, 1)
	go func() { end <- n.Run(ctx) }()
	for _, s := range sinks {
		st.done(ctx, s.Name)
	}
	cancel()
	if err := <-end; err != nil {
		t.Error(err)
	}
	return n
}

func TestDeliversInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &sink{}, &sink{}
		n := run(t, notifier.DefaultConfig(), newStore(100), notifier.Named{Name: "a", Sink: a}, notifier.Named{Name: "b", Sink: b})
		for name, s := range map[string]*sink{"a": a, "b": b} {
			if d := cmp.Diff(ids(100), s.ids()); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
		if c, _ := n.Health(); c["delivered"] != 200 || c["retried"]+c["dead"] != 0 {
			t.Errorf("counters %v", c)
		}
	})
}

func TestDeadSinkDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStore(50)
		start := time.Now()
		var took time.Duration
		good := &sink{}
		good.behave = func(context.Context, int) error { took = time.Since(start); return nil }
		bad := &sink{behave: func(context.Context, int) error { return notifier.Fail(notifier.ReasonServer, errors.New("500")) }}
		n := run(t, notifier.DefaultConfig(), st, notifier.Named{Name: "bad", Sink: bad}, notifier.Named{Name: "good", Sink: good})
		if took != 0 {
			t.Errorf("the last detection was delivered after %v", took)
		}
		// Tried for an hour, then not any more: the outage is the sink's, not
		// the detection's.
		if len(st.dead) != 50 || len(bad.ids()) != 0 {
			t.Fatalf("%d dead letters, want 50", len(st.dead))
		}
		if age := st.dead[49].Time.Sub(start); age < time.Hour || age > time.Hour+time.Minute {
			t.Errorf("the last was buried after %v", age)
		}
		for i, d := range st.dead {
			if want := "not tried, since the sink has failed for more than 1h0m0s: 500"; i > 0 && d.Error != want || i == 0 && d.Error != "500" {
				t.Errorf("letter %d: %s", i, d.Error)
			}
			if d.Sink != "bad" || d.Reason != "server" || d.Detection.ID != fmt.Sprint(i) {
				t.Errorf("letter %d: %+v", i, d)
			}
		}
		if st.dead[0].Attempts < 10 || st.dead[1].Attempts != 0 {
			t.Errorf("attempts %d, then %d", st.dead[0].Attempts, st.dead[1].Attempts)
		}
		c, detail := n.Health()
		if c["dead"] != 50 || c["delivered"] != 50 {
			t.Errorf("counters %v", c)
		}
		h := detail["sinks"].([]notifier.SinkHealth)
		if h[0].Name != "bad" || h[0].Failing == nil || h[0].Error != "500" || h[1].Failing != nil {
			t.Errorf("health %+v", h)
		}
	})
}

func TestOutageOfTwoMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStore(20)
		up := time.Now().Add(2 * time.Minute)
		s := &sink{behave: func(context.Context, int) error {
			if time.Now().Before(up) {
				return errors.New("connection refused")
			}
			return nil
		}}
		run(t, notifier.DefaultConfig(), st, notifier.Named{Name: "s", Sink: s})
		if d := cmp.Diff(ids(20), s.ids()); d != "" {
			t.Error(d)
		}
		if len(st.dead) != 0 {
			t.Errorf("%d dead letters", len(st.dead))
		}
	})
}

func TestPermanentFailureIsBuriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStore(3)
		s := &sink{behave: func(_ context.Context, try int) error {
			if try == 2 {
				return notifier.FailForGood(notifier.ReasonClient, errors.New("400"))
			}
			return nil
		}}
		start := time.Now()
		run(t, notifier.DefaultConfig(), st, notifier.Named{Name: "s", Sink: s})
		if d := cmp.Diff([]string{"0", "2"}, s.ids()); d != "" {
			t.Error(d)
		}
		if len(st.dead) != 1 || st.dead[0].Reason != "client" || st.dead[0].Attempts != 1 || st.dead[0].Detection.ID != "1" {
			t.Errorf("dead letters %+v", st.dead)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("waited %v for a verdict that was final", took)
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		least time.Duration
		most  time.Duration
	}{
		{"longer than the back-off", 5 * time.Minute, 5 * time.Minute, 5 * time.Minute},
		{"shorter than the back-off", time.Millisecond, 250 * time.Millisecond, 750 * time.Millisecond},
		{"absurd", 1000 * time.Hour, time.Hour, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sink{behave: func(_ context.Context, try int) error {
					if try == 1 {
						return &notifier.Failure{Reason: notifier.ReasonRateLimited, After: c.after, Err: errors.New("429")}
					}
					return nil
				}}
				run(t, notifier.DefaultConfig(), newStore(1), notifier.Named{Name: "s", Sink: s})
				if got := s.times[1]; got < c.least || got > c.most {
					t.Errorf("tried again after %v, want %v to %v", got, c.least, c.most)
				}
			})
		})
	}
}

func TestRepetitionIsNotDeliveredTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStore(3)
		st.items = append(st.items, st.items[1], st.items[2], detection(9))
		s := &sink{}
		run(t, notifier.DefaultConfig(), st, notifier.Named{Name: "s", Sink: s})
		if d := cmp.Diff([]string{"0", "1", "2", "9"}, s.ids()); d != "" {
			t.Error(d)
		}
	})
}

// recalling is a sink that knows what it took before.
type recalling struct {
	*sink
	before []string
}

func (r recalling) Recall(int) ([]string, error) { return r.before, nil }

func TestWhatTheSinkRecallsIsNotDeliveredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, s := newStore(4), &sink{}
		run(t, notifier.DefaultConfig(), st, notifier.Named{Name: "a", Sink: recalling{s, ids(4)[:3]}})
		if got := s.ids(); len(got) != 1 || got[0] != ids(4)[3] {
			t.Errorf("delivered %v, want the last only", got)
		}
	})
}

func TestStop(t *testing.T) {
	t.Run("lets a delivery finish", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			st := newStore(1)
			s := &sink{behave: func(context.Context, int) error { time.Sleep(2 * time.Second); return nil }}
			stopAfter(t, st, s, time.Second)
			if st.position["s"] != 1 || len(s.ids()) != 1 {
				t.Errorf("position %d, delivered %v", st.position["s"], s.ids())
			}
		})
	})
	t.Run("cuts a hang short", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			st := newStore(1)
			s := &sink{behave: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
			if took := stopAfter(t, st, s, time.Second); took != 6*time.Second {
				t.Errorf("took %v", took)
			}
			if st.position["s"] != 0 || len(st.dead) != 0 {
				t.Errorf("position %d, %d dead letters: it is still to be delivered", st.position["s"], len(st.dead))
			}
		})
	})
	t.Run("does not wait out a back-off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			st := newStore(1)
			s := &sink{behave: func(context.Context, int) error {
				return &notifier.Failure{Reason: notifier.ReasonRateLimited, After: time.Hour, Err: errors.New("429")}
			}}
			if took := stopAfter(t, st, s, time.Second); took != time.Second {
				t.Errorf("took %v", took)
			}
			if st.position["s"] != 0 || len(st.dead) != 0 {
				t.Errorf("position %d, %d dead letters: it is still to be delivered", st.position["s"], len(st.dead))
			}
		})
	})
}

func stopAfter(t *testing.T, st *store, s *sink, after time.Duration) time.Duration {
	t.Helper()
	n, err := notifier.New(notifier.DefaultConfig(), everything(t), st, st, []notifier.Named{{Name: "s", Sink: s}}, discard(), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	start := time.Now()
	if err := n.Run(ctx); err != nil {
		t.Error(err)
	}
	return time.Since(start)
}

func TestNoGrave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStore(1)
		st.noGrave = errors.New("no server")
		s := &sink{behave: func(context.Context, int) error {
			return notifier.FailForGood(notifier.ReasonClient, errors.New("400"))
		}}
		time.AfterFunc(time.Minute, func() {
			st.mu.Lock()
			st.noGrave = nil
			st.mu.Unlock()
		})
		run(t, notifier.DefaultConfig(), st, notifier.Named{Name: "s", Sink: s})
		if len(st.dead) != 1 || s.tries != 1 {
			t.Errorf("%d dead letters after %d tries", len(st.dead), s.tries)
		}
	})
}

func TestSourceRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStore(2)
		st.broken = 5
		s := &sink{}
		run(t, notifier.DefaultConfig(), st, notifier.Named{Name: "s", Sink: s})
		if d := cmp.Diff(ids(2), s.ids()); d != "" {
			t.Error(d)
		}
	})
}

func TestPanicNamesTheSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStore(1)
		n, err := notifier.New(notifier.DefaultConfig(), everything(t), st, st, []notifier.Named{
			{Name: "mad", Sink: &sink{behave: func(context.Context, int) error { panic("oh") }}}, {Name: "good", Sink: &sink{}},
		}, discard(), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Run(t.Context()); err == nil || err.Error() != "sink mad: panic: oh" {
			t.Errorf("Run = %v", err)
		}
	})
}

type closer struct {
	*sink
	closed bool
}

func (c *closer) Close() error { c.closed = true; return nil }

func TestClosesSinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &closer{sink: &sink{}}
		run(t, notifier.DefaultConfig(), newStore(1), notifier.Named{Name: "c", Sink: c})
		if !c.closed {
			t.Error("the sink was not closed")
		}
	})
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStore(3)
		s := &sink{behave: func(_ context.Context, try int) error {
			switch try {
			case 1:
				return notifier.Fail(notifier.ReasonServer, errors.New("500"))
			case 3:
				return notifier.FailForGood(notifier.ReasonAuth, errors.New("401"))
			}
			return nil
		}}
		reg := prometheus.NewRegistry()
		n, err := notifier.New(notifier.DefaultConfig(), everything(t), st, st, []notifier.Named{{Name: "s", Sink: s}}, discard(), reg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := n.Run(ctx); err != nil {
			t.Fatal(err)
		}
		page := httptest.NewRecorder()
		promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
		for _, want := range []string{
			`tripline_notifier_dead_total{reason="auth",sink="s"} 1`,
			`tripline_notifier_delivered_total{sink="s"} 2`,
			`tripline_notifier_failing{sink="s"} 0`,
			`tripline_notifier_failures_total{reason="server",sink="s"} 1`,
			`tripline_notifier_latency_seconds_count{sink="s"} 2`,
		} {
			if !strings.Contains(page.Body.String(), want+"\n") {
				t.Errorf("no %s in\n%s", want, page.Body)
			}
		}
	})
}

// TestOverHTTP takes the stage and a sink through a bad day of a real server.
func TestOverHTTP(t *testing.T) {
	var (
		mu  sync.Mutex
		n   int
		got []string
	)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		n++
		switch n {
		case 1:
			w.WriteHeader(500)
		case 3:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(429)
		case 5:
			w.WriteHeader(400)
		case 6:
			panic(http.ErrAbortHandler)
		default:
			got = append(got, r.Header.Get("Tripline-Detection-Id"))
		}
	}))
	defer srv.Close()
	cfg := webhook.DefaultConfig()
	cfg.URL = notifier.Secret(srv.URL)
	s, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	st := newStore(5)
	c := notifier.DefaultConfig()
	c.RetryInitial, c.RetryMax = time.Millisecond, 5*time.Millisecond
	run(t, c, st, notifier.Named{Name: "hook", Sink: s})
	if d := cmp.Diff([]string{"0", "1", "3", "4"}, got); d != "" {
		t.Error(d)
	}
	if len(st.dead) != 1 || st.dead[0].Detection.ID != "2" || st.dead[0].Reason != "client" {
		t.Errorf("dead letters %+v", st.dead)
	}
}

func TestNewRefuses(t *testing.T) {
	st := newStore(0)
	for _, c := range []struct {
		name  string
		cfg   notifier.Config
		sinks []notifier.Named
		want  string
	}{
		{"no sinks", notifier.DefaultConfig(), nil, "no sink is configured"},
		{"same name", notifier.DefaultConfig(), []notifier.Named{{Name: "a", Sink: &sink{}}, {Name: "a", Sink: &sink{}}}, `two sinks are called "a"`},
		{"no name", notifier.DefaultConfig(), []notifier.Named{{Sink: &sink{}}}, `sink "" needs a name`},
		{"config", notifier.Config{}, []notifier.Named{{Name: "a", Sink: &sink{}}}, "retry_initial: 0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := notifier.New(c.cfg, everything(t), st, st, c.sinks, discard(), prometheus.NewRegistry()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New = %v, want %q", err, c.want)
			}
		})
	}
}
