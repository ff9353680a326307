package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// prometheus starts the profile observability's Prometheus, with its own
// configuration, and looks whether it finds every stage by name, three matchers
// among them. The official image cannot be pulled everywhere this runs, so the
// distribution's program stands in its place under the same name.
func (s *stack) prometheus(t *testing.T) {
	name := strings.TrimSpace(s.try(s.compose("--profile", "observability", "config", "--images", "prometheus")...))
	s.prometheusImage(t, strings.Fields(name)[0])
	s.try(s.compose("--profile", "observability", "up", "--detach", "--no-deps", "prometheus")...)
	want := map[string]int{"nats": 1, "sensor": 1, "enricher": 1, "matcher": 3, "notifier": 1}
	s.eventually("Prometheus has scraped every stage", func() bool {
		got := map[string]int{}
		for _, r := range s.query("up") {
			if r.Value[1] == "1" {
				got[r.Metric["stage"]]++
			}
		}
		return maps.Equal(got, want)
	})
	if r := s.query("sum(tripline_matcher_detections_total)"); len(r) != 1 || r[0].Value[1] == "0" {
		t.Errorf("Prometheus has no detections: %v", r)
	}
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	s.ask("api/v1/rules", &rules)
	if len(rules.Data.Groups) == 0 || len(rules.Data.Groups[0].Rules) < 5 {
		t.Errorf("Prometheus has no alerts: %+v", rules)
	}
	s.try(s.compose("--profile", "observability", "rm", "--stop", "--force", "prometheus")...)
	s.try("image", "rm", strings.Fields(name)[0])
}

// sample is one series of an answer; see
// https://prometheus.io/docs/prometheus/latest/querying/api/
type sample struct {
	Metric map[string]string
	Value  [2]any
}

func (s *stack) query(expr string) []sample {
	var answer struct{ Data struct{ Result []sample } }
	s.ask("api/v1/query?query="+expr, &answer)
	return answer.Data.Result
}

// ask asks Prometheus, from inside the network; until it answers nothing is said.
func (s *stack) ask(path string, into any) {
	out, err := s.docker(s.compose("exec", "-T", "receiver", "/receiver", "http://prometheus:9090/"+path)...).Output()
	if _, body, ok := strings.Cut(string(out), "200 OK\n"); err == nil && ok {
		if err := json.Unmarshal([]byte(body), into); err != nil {
			s.t.Errorf("%s: %v", path, err)
		}
	}
}

// prometheusImage makes an image of the distribution's program.
func (s *stack) prometheusImage(t *testing.T, name string) {
	t.Helper()
	program := "../../bin/tools/prometheus"
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v; make deps-test fetches it", err)
	}
	files := []string{program}
	out := run(t, "ldd", program)
	for _, m := range regexp.MustCompile(`(/\S+) \(0x`).FindAllStringSubmatch(out, -1) {
		files = append(files, m[1])
	}
	dir := t.TempDir()
	for i, f := range files {
		to := filepath.Join(dir, f)
		if i == 0 {
			to = filepath.Join(dir, "prometheus-bin")
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		copyFile(t, f, to)
		if err := os.Chmod(to, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	archive := filepath.Join(t.TempDir(), "prometheus.tar")
	if out, err := exec.Command("tar", "-C", dir, "-cf", archive, ".").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	s.try("import", "--change", `ENTRYPOINT ["/prometheus-bin"]`, archive, name)
}

// dashboardMetrics looks whether the running stages export what the dashboard
// and the alerts ask for.
func dashboardMetrics(t *testing.T, exported map[string]bool) {
	t.Helper()
	// These have a label whose value is known when it first happens; the file and
	// the name in it say that they are exported then.
	late := map[string]string{
		"tripline_sensor_dropped_events_total":     "sensor/metrics.go tripline_sensor_dropped_events_total",
		"tripline_enricher_lost_events_total":      "enricher/metrics.go lost_events_total",
		"tripline_notifier_dead_total":             "notifier/metrics.go dead_total",
		"tripline_notifier_failures_total":         "notifier/metrics.go failures_total",
		"tripline_notifier_latency_seconds_bucket": "notifier/metrics.go latency_seconds",
	}
	named := map[string]bool{}
	for _, f := range []string{"dashboards/tripline.json", "alerts.yml"} {
		b, err := os.ReadFile(composeDir + "/observability/" + f)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`\b(tripline|process)_[a-z_]+`).FindAllString(string(b), -1) {
			named[name] = true
		}
	}
	if len(named) < 20 {
		t.Fatalf("only %d metrics are named", len(named))
	}
	for name := range named {
		if exported[name] {
			continue
		}
		file, own, ok := strings.Cut(late[name], " ")
		b, err := os.ReadFile(filepath.Join("../..", file))
		if !ok || err != nil || !strings.Contains(string(b), `"`+own+`"`) {
			t.Errorf("no stage exports %s", name)
		}
	}
	t.Logf("%d metrics are named, %d exported", len(named), len(exported))
}
