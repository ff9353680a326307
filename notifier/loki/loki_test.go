package loki_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/loki"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/pkg/msg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func build(t *testing.T, url string, timeout time.Duration) notifier.Sink {
	t.Helper()
	cfg := loki.DefaultConfig()
	cfg.URL, cfg.Timeout = notifier.Secret(url), timeout
	cfg.Tenant, cfg.Labels = "security", map[string]string{"cluster": "eu-1"}
	s, err := loki.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The receiver is one that records, and below one that behaves as Loki's
// documentation says: no Loki can be installed where the tests run.
func TestConformance(t *testing.T) {
	sinktest.HTTP(t, build)
	sinktest.Run(t, func(t *testing.T) notifier.Sink { return build(t, sinktest.NewReceiver(t).URL, time.Minute) })
}

func TestGolden(t *testing.T) {
	r := sinktest.NewReceiver(t)
	sinktest.GoldenJSON(t, build(t, r.URL, time.Minute), r, 300_000)
	if got := r.Last(t); got.Path != "/loki/api/v1/push" || got.Header.Get("X-Scope-OrgID") != "security" {
		t.Errorf("%s %v", got.Path, got.Header)
	}
}

type push struct {
	Streams []struct {
		Stream map[string]string
		Values [][2]string
	}
}

// TestBatch pushes many; one that Loki does not take does not take the others
// along, and the order within a stream is kept.
func TestBatch(t *testing.T) {
	var got []string
	requests := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		var p push
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			t.Error(err)
		}
		var ids []string
		for _, s := range p.Streams {
			if s.Stream["job"] != "tripline" || s.Stream["cluster"] != "eu-1" || s.Stream["rule"] == "" {
				t.Errorf("labels %v", s.Stream)
			}
			for _, v := range s.Values {
				var d msg.Detection
				if err := json.Unmarshal([]byte(v[1]), &d); err != nil {
					t.Error(err)
				}
				if v[0] != strconv.FormatInt(d.Time.UnixNano(), 10) {
					t.Errorf("time %s of %v", v[0], d.Time)
				}
				ids = append(ids, d.ID)
			}
		}
		if strings.Contains(strings.Join(ids, " "), "old") {
			http.Error(w, "entry too far behind", http.StatusBadRequest)
			return
		}
		got = append(got, ids...)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer srv.Close()
	s := build(t, srv.URL, time.Minute).(*loki.Sink)
	defer s.Close()
	var ds []*msg.Stored
	for _, id := range []string{"1", "2", "old", "3", "4"} {
		d := sinktest.Plain()
		d.ID = id
		ds = append(ds, msg.StoredOf(d))
	}
	n, err := s.DeliverBatch(t.Context(), ds)
	if n != 2 || notifier.Retryable(err) || notifier.ReasonOf(err) != notifier.ReasonClient {
		t.Errorf("%d, %v", n, err)
	}
	if n, err = s.DeliverBatch(t.Context(), ds[3:]); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if strings.Join(got, " ") != "1 2 3 4" || requests != 5 {
		t.Errorf("%v in %d requests", got, requests)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*loki.Config)
		want   string
	}{
		{func(c *loki.Config) { c.URL = "" }, "url (or url_file) is not given"},
		{func(c *loki.Config) { c.Tenant = "a\nb" }, "tenant"},
		{func(c *loki.Config) { c.Labels = map[string]string{"a-b": "x"} }, `"a-b" is not a name`},
		{func(c *loki.Config) { c.Labels = map[string]string{"rule": "x"} }, "rule is one that every stream has"},
		{func(c *loki.Config) { c.Username = "x" }, "go together"},
	} {
		cfg := loki.DefaultConfig()
		cfg.URL = "http://localhost:3100"
		c.change(&cfg)
		if _, err := loki.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New = %v, want %q", err, c.want)
		}
	}
}
