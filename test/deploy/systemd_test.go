package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// units copies the units to a directory of their own, with a program that is
// there in place of ours, which is not installed.
func units(t *testing.T) (dir string, names []string) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd-analyze: make deps-test installs it")
	}
	dir = t.TempDir()
	program := filepath.Join(dir, "tripline")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(root + "/deploy/systemd/tripline*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(f)
		text = []byte(strings.ReplaceAll(string(text), "/usr/bin/tripline", program))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if len(names) < 6 {
		t.Fatalf("only %v", names)
	}
	return dir, names
}

// TestUnitsVerify asks systemd whether it understands the units; what it does
// not know it warns about and passes over.
func TestUnitsVerify(t *testing.T) {
	dir, names := units(t)
	args := []string{"verify", "--man=no", "--recursive-errors=no"}
	for _, n := range names {
		// A template is verified as its first instance.
		args = append(args, filepath.Join(dir, strings.Replace(n, "@.", "@1.", 1)))
	}
	cmd := exec.Command("systemd-analyze", args...)
	cmd.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+dir+":")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestUnitsExposure: what systemd-analyze security says of each unit, from 0
// (nothing is exposed) to 10, stays below a limit.
func TestUnitsExposure(t *testing.T) {
	dir, names := units(t)
	limits := map[string]float64{"tripline-sensor.service": 2.5, "tripline-enricher.service": 2.5}
	for _, n := range names {
		if !strings.HasSuffix(n, ".service") {
			continue
		}
		limit, ok := limits[n]
		if !ok {
			limit = 1.5
		}
		out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", filepath.Join(dir, n)).CombinedOutput()
		m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
		if m == nil {
			t.Errorf("%s: %v\n%s", n, err, out)
			continue
		}
		level, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil || level > limit {
			t.Errorf("%s is exposed by %v, more than %v\n%s", n, level, limit, out)
		}
	}
}

// TestUnitsCapabilities: the sensor and the enricher have those that the table
// in deploy/README.md gives them, and no other unit has any.
func TestUnitsCapabilities(t *testing.T) {
	_, names := units(t)
	table := read(t, "deploy/README.md")
	for _, n := range names {
		if !strings.HasSuffix(n, ".service") {
			continue
		}
		unit := read(t, "deploy/systemd/"+n)
		bounding := setting(unit, "CapabilityBoundingSet")
		if ambient := setting(unit, "AmbientCapabilities"); ambient != bounding {
			t.Errorf("%s: AmbientCapabilities %q and CapabilityBoundingSet %q differ", n, ambient, bounding)
		}
		want := strings.ReplaceAll(bounding, "CAP_", "")
		if want == "" {
			want = "none"
		}
		if row := fmt.Sprintf("| `%s` | %s |", n, want); !strings.Contains(table, row) {
			t.Errorf("deploy/README.md has no row that begins %q", row)
		}
	}
}

// setting returns the last value of a key.
func setting(unit, key string) (value string) {
	for line := range strings.Lines(unit) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			value = v
		}
	}
	return value
}
