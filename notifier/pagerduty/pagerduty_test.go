package pagerduty_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/pagerduty"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/pkg/msg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func build(t *testing.T, url string, timeout time.Duration) notifier.Sink {
	t.Helper()
	cfg := pagerduty.DefaultConfig()
	cfg.RoutingKey, cfg.APIURL, cfg.Timeout = sinktest.Secret, url, timeout
	s, err := pagerduty.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The receiver is one that records: PagerDuty's own is on the Internet only.
func TestConformance(t *testing.T) {
	sinktest.HTTP(t, build)
	sinktest.Run(t, func(t *testing.T) notifier.Sink { return build(t, sinktest.NewReceiver(t).URL, time.Minute) })
}

func TestGolden(t *testing.T) {
	r := sinktest.NewReceiver(t)
	sinktest.GoldenJSON(t, build(t, r.URL, time.Minute), r, 100_000)
}

// TestRepetitionsAreOneIncident looks at the key that PagerDuty goes by.
func TestRepetitionsAreOneIncident(t *testing.T) {
	r := sinktest.NewReceiver(t)
	s := build(t, r.URL+"/", time.Minute)
	defer s.(*pagerduty.Sink).Close()
	key := func(change func(*msg.Detection)) string {
		d := sinktest.Container()
		change(d)
		if err := s.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		got := r.Last(t)
		var e struct {
			DedupKey   string `json:"dedup_key"`
			RoutingKey string `json:"routing_key"`
		}
		if err := json.Unmarshal(got.Body, &e); err != nil || got.Path != "/v2/enqueue" || e.RoutingKey != sinktest.Secret {
			t.Fatalf("%s %s %v", got.Path, got.Body, err)
		}
		return e.DedupKey
	}
	first := key(func(*msg.Detection) {})
	if len(first) > 255 || key(func(d *msg.Detection) { d.ID, d.Output, d.Event.Comm = "x", "y", "z" }) != first {
		t.Error("a repetition is another incident")
	}
	for _, change := range []func(*msg.Detection){
		func(d *msg.Detection) { d.Host = "h2" }, func(d *msg.Detection) { d.Rule.ID = "r2" }, func(d *msg.Detection) { d.Event.Container = nil },
	} {
		if key(change) == first {
			t.Error("something else is the same incident")
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*pagerduty.Config)
		want   string
	}{
		{func(c *pagerduty.Config) { c.RoutingKey = "" }, "routing_key (or routing_key_file) is not given"},
		{func(c *pagerduty.Config) { c.RoutingKeyFile = "x" }, "both given"},
		{func(c *pagerduty.Config) { c.RoutingKey, c.RoutingKeyFile = "", "/nonexistent" }, "routing_key_file: open"},
		{func(c *pagerduty.Config) { c.APIURL = "x" }, "api_url: begins with neither"},
		{func(c *pagerduty.Config) { c.Timeout = 0 }, "timeout: 0s"},
	} {
		cfg := pagerduty.DefaultConfig()
		cfg.RoutingKey = "k"
		c.change(&cfg)
		if _, err := pagerduty.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New = %v, want %q", err, c.want)
		}
	}
}
