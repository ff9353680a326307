package elasticsearch_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/elasticsearch"
	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/pkg/msg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(url string, timeout time.Duration) elasticsearch.Config {
	cfg := elasticsearch.DefaultConfig()
	cfg.URL, cfg.Timeout = notifier.Secret(url), timeout
	return cfg
}

func build(t *testing.T, url string, timeout time.Duration) notifier.Sink {
	t.Helper()
	s, err := elasticsearch.New(config(url, timeout))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cluster stands for one node: it answers a bulk request as the documentation
// of Elasticsearch and OpenSearch says, keeps documents by id, and refuses a
// document whose field has another type than before, as their mappings do.
// Neither can be installed where the tests run.
type cluster struct {
	t     *testing.T
	docs  []string
	ids   map[string]bool
	types map[string]string
	busy  map[string]int // how often a document is answered with 429
	url   string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, ids: map[string]bool{}, types: map[string]string{}, busy: map[string]int{}}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	c.url = srv.URL
	return c
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/_bulk") || r.Header.Get("Content-Type") != "application/x-ndjson" {
		http.Error(w, "not a bulk request", http.StatusBadRequest)
		return
	}
	var items []string
	errs := false
	in := bufio.NewScanner(r.Body)
	in.Buffer(nil, 10<<20)
	for in.Scan() {
		var what struct {
			Create struct {
				Index string `json:"_index"`
				ID    string `json:"_id"`
			}
		}
		if err := json.Unmarshal(in.Bytes(), &what); err != nil || what.Create.Index == "" {
			c.t.Errorf("action %s: %v", in.Bytes(), err)
		}
		if !in.Scan() {
			c.t.Error("an action without a document")
		}
		var doc map[string]any
		if err := json.Unmarshal(in.Bytes(), &doc); err != nil || doc["@timestamp"] == nil {
			c.t.Errorf("document %.200s: %v", in.Bytes(), err)
		}
		id := what.Create.ID
		status, reason := 201, ""
		switch {
		case c.busy[id] > 0:
			c.busy[id]--
			status, reason = 429, "es_rejected_execution_exception"
		case c.ids[id]:
			status, reason = 409, "version_conflict_engine_exception"
		case !c.mapped("", doc):
			status, reason = 400, "mapper_parsing_exception"
		default:
			c.ids[id] = true
			c.docs = append(c.docs, id)
		}
		item := fmt.Sprintf(`{"create":{"_index":%q,"_id":%q,"status":%d`, what.Create.Index, id, status)
		if reason != "" {
			errs = true
			item += fmt.Sprintf(`,"error":{"type":%q,"reason":"\u001b[2J because"}`, reason)
		}
		items = append(items, item+"}}")
	}
	fmt.Fprintf(w, `{"took":1,"errors":%v,"items":[%s]}`, errs, strings.Join(items, ","))
}

// mapped notes the type of each field, and says whether they are as before.
func (c *cluster) mapped(path string, v any) bool {
	kind := fmt.Sprintf("%T", v)
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		for _, x := range v {
			if !c.mapped(path, x) {
				return false
			}
		}
		return true
	case map[string]any:
		for k, x := range v {
			if !c.mapped(path+"/"+k, x) {
				return false
			}
		}
	case string:
		if len(v) > 32766 {
			return false
		}
	}
	if was, ok := c.types[path]; ok && was != kind {
		return false
	}
	c.types[path] = kind
	return len(c.types) < 1000
}

func TestConformance(t *testing.T) {
	sinktest.HTTPAnswering(t, build, `{"took":1,"errors":false,"items":[{"create":{"status":201}}]}`)
	sinktest.Run(t, func(t *testing.T) notifier.Sink { return build(t, newCluster(t).url, time.Minute) })
}

func TestGolden(t *testing.T) {
	r := sinktest.NewReceiver(t)
	s := build(t, r.URL, time.Minute)
	defer s.(*elasticsearch.Sink).Close()
	for _, sample := range sinktest.Samples() {
		if err := s.Deliver(t.Context(), sample.Detection); err != nil {
			t.Fatal(err)
		}
		body := r.Last(t).Body
		what, doc, _ := bytes.Cut(body, []byte("\n"))
		var b bytes.Buffer
		b.Write(what)
		b.WriteByte('\n')
		if err := json.Indent(&b, doc, "", "  "); err != nil {
			t.Fatal(err)
		}
		sinktest.Harmless(t, string(doc))
		if sample.Name != "huge" {
			sinktest.Golden(t, sample.Name+".txt", b.Bytes())
		} else if len(body) > 200_000 {
			t.Errorf("%d bytes", len(body))
		}
	}
}

// TestNothingMakesAField: whatever rules and processes come up with, the
// fields are the same.
func TestNothingMakesAField(t *testing.T) {
	c := newCluster(t)
	s := build(t, c.url, time.Minute).(*elasticsearch.Sink)
	defer s.Close()
	for i, v := range []any{1.5, "x", true, []any{"a", 1.0}, map[string]any{"deep": map[string]any{"er": 1.0}}, nil} {
		d := sinktest.Container()
		d.ID = fmt.Sprint(i)
		d.Data = map[string]any{"value": v, fmt.Sprint("key", i): v}
		d.Values = d.Data
		d.Event.Args = append(d.Event.Args, msg.ArgJSON{Name: "x", Type: "t", Value: v})
		d.Event.Container.Labels = map[string]string{fmt.Sprint("a.b", i): "x"}
		if err := s.Deliver(t.Context(), d); err != nil {
			t.Errorf("%v: %v", v, err)
		}
	}
}

func stored(ids ...string) (out []*msg.Stored) {
	for _, id := range ids {
		d := sinktest.Plain()
		d.ID = id
		out = append(out, msg.StoredOf(d))
	}
	return out
}

func TestBulk(t *testing.T) {
	c := newCluster(t)
	s := build(t, c.url+"/prefix", time.Minute).(*elasticsearch.Sink)
	defer s.Close()
	c.busy["3"] = 1
	n, err := s.DeliverBatch(t.Context(), stored("1", "2", "3", "4"))
	if n != 2 || !notifier.Retryable(err) || notifier.ReasonOf(err) != notifier.ReasonRateLimited || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%d, %v", n, err)
	}
	// Again from where it failed: 4 is there already.
	if n, err = s.DeliverBatch(t.Context(), stored("3", "4", "5")); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if strings.Join(c.docs, " ") != "1 2 4 3 5" {
		t.Errorf("documents %v", c.docs)
	}
	// A document that the mapping refuses is final, and it alone.
	c.types["/output"] = "float64"
	if n, err = s.DeliverBatch(t.Context(), stored("6")); n != 0 || notifier.Retryable(err) || notifier.ReasonOf(err) != notifier.ReasonClient {
		t.Errorf("%d, %v", n, err)
	}
	// Something that is no cluster is not taken for one.
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	defer other.Close()
	o := build(t, other.URL, time.Minute).(*elasticsearch.Sink)
	defer o.Close()
	if err := o.Deliver(t.Context(), sinktest.Plain()); !notifier.Retryable(err) {
		t.Errorf("a web page: %v", err)
	}
}

// TestLargeBatches are sent in requests that receivers take.
func TestLargeBatches(t *testing.T) {
	requests, most := 0, 0
	c := newCluster(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		most = max(most, int(r.ContentLength))
		c.ServeHTTP(w, r)
	}))
	defer srv.Close()
	s := build(t, srv.URL, time.Minute).(*elasticsearch.Sink)
	defer s.Close()
	var ds []*msg.Stored
	for i := range 300 {
		d := sinktest.Huge()
		d.ID = fmt.Sprint(i)
		ds = append(ds, msg.StoredOf(d))
	}
	if n, err := s.DeliverBatch(t.Context(), ds); n != 300 || err != nil || requests < 2 || most > 6<<20 {
		t.Errorf("%d, %v in %d requests of at most %d bytes", n, err, requests, most)
	}
}

func TestIndex(t *testing.T) {
	for index, want := range map[string]string{
		`x-{{.Priority}}`:              `"_index":"x-notice"`,
		`x-{{.Time | date "2006.01"}}`: `"_index":"x-2022.05"`,
		`{{.Event.Comm}}`:              "",
		`{{.Host | upper}}`:            "",
		`_x`:                           "",
	} {
		r := sinktest.NewReceiver(t)
		cfg := config(r.URL, time.Minute)
		cfg.Index, cfg.Pipeline = index, "p&q"
		s, err := elasticsearch.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		err = s.Deliver(t.Context(), sinktest.Hostile())
		if want == "" {
			if notifier.Retryable(err) || notifier.ReasonOf(err) != notifier.ReasonTemplate {
				t.Errorf("%s: %v", index, err)
			}
			continue
		}
		if got := r.Last(t); err != nil || !strings.Contains(string(got.Body), want) || got.Path != "/_bulk?pipeline=p%26q" {
			t.Errorf("%s: %v, %s %.100s", index, err, got.Path, got.Body)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*elasticsearch.Config)
		want   string
	}{
		{func(c *elasticsearch.Config) { c.URL = "" }, "url (or url_file) is not given"},
		{func(c *elasticsearch.Config) { c.Index = "" }, "index is not given"},
		{func(c *elasticsearch.Config) { c.Index = "{{" }, "index: template"},
		{func(c *elasticsearch.Config) { c.Password = "x" }, "go together"},
	} {
		cfg := config("http://localhost:9200", time.Minute)
		c.change(&cfg)
		if _, err := elasticsearch.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New = %v, want %q", err, c.want)
		}
	}
}
