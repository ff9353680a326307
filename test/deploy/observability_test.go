package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const observability = "deploy/compose/observability/"

// promtool runs Prometheus's own checker.
func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	program, err := filepath.Abs(root + "/bin/tools/promtool")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("needs bin/tools/promtool: make deps-test installs it")
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestPrometheus has Prometheus check its configuration, and each alert at work.
func TestPrometheus(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"prometheus.yml", "alerts.yml", "alerts_test.yml"} {
		text := strings.ReplaceAll(read(t, observability+name), "/etc/prometheus/", dir+"/")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	promtool(t, dir, "check", "config", "prometheus.yml")
	promtool(t, dir, "test", "rules", "alerts_test.yml")
}

// panel is of a dashboard what this test looks at; see
// https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ H, W, X, Y int }
	Datasource  struct{ UID string }
	Targets     []struct{ RefID, Expr string }
}

// TestDashboard: it is a dashboard, nothing on it overlaps, and Prometheus can
// read every question that it asks.
func TestDashboard(t *testing.T) {
	var d struct {
		UID, Title    string
		SchemaVersion int
		Panels        []panel
	}
	if err := json.Unmarshal([]byte(read(t, observability+"dashboards/tripline.json")), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID != "tripline" || d.SchemaVersion == 0 || len(d.Panels) < 10 {
		t.Fatalf("not the dashboard: %s, %d panels", d.UID, len(d.Panels))
	}
	source := regexp.MustCompile(`(?m)^\s*uid: (\S+)$`).FindStringSubmatch(read(t, observability+"grafana/datasources/prometheus.yml"))
	ids, taken := map[int]bool{}, map[[2]int]string{}
	rules := "groups:\n- name: dashboard\n  rules:\n"
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the number %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q is where %q is, or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || source == nil || p.Datasource.UID != source[1] {
			t.Errorf("%q asks nothing, or somebody else than the data source %v", p.Title, source)
		}
		for _, q := range p.Targets {
			b, err := json.Marshal(strings.ReplaceAll(q.Expr, "$__rate_interval", "1m"))
			if err != nil {
				t.Fatal(err)
			}
			rules += "  - {record: x, expr: " + string(b) + "}\n"
		}
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	promtool(t, ".", "check", "rules", "--lint=none", file)
}
