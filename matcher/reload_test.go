package matcher_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/msg"
)

// watching runs a matcher over a directory that is watched.
func watching(t *testing.T, dir string, signatures ...func() detect.Signature) *rig {
	t.Helper()
	cfg := config()
	cfg.Watch, cfg.Settle, cfg.Rescan = true, 5*time.Millisecond, 0
	cfg.Rules = []string{dir, matcher.Builtin}
	return start(t, cfg, languages(signatures...))
}

// reloaded waits for a ruleset that has these rules and as many problems.
func reloaded(t *testing.T, r *rig, problems int, want ...string) *matcher.Ruleset {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		rs := r.Rules()
		if cmp.Equal(append([]string{}, want...), ids(rs)) && len(rs.Problems) == problems {
			return rs
		}
		select {
		case <-r.dem: // announcements are taken as they come
		case <-time.After(2 * time.Millisecond):
		case <-deadline:
			t.Fatalf("rules %v, want %v; problems %v, want %d", ids(rs), want, rs.Problems, problems)
		}
	}
}

// fires feeds an event and returns the rules that fire.
func fires(t *testing.T, r *rig, seq uint64, event string) []string {
	t.Helper()
	before := len(r.store.all())
	if err := r.src.feed(t, 0, batch(t, act{seq: seq, event: event, comm: "x"}), false); err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, d := range r.store.all()[before:] {
		out = append(out, d.Rule.ID)
	}
	return out
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.rego": regoRule("A", "ptrace")})
	r := watching(t, dir)
	if got := demanded(r.first); !cmp.Equal(got, []string{"ptrace"}) {
		t.Errorf("demand at the start: %v", got)
	}

	write(t, dir, map[string]string{"b.rego": regoRule("B", "openat")})
	if got := demanded(r.announced(t)); !cmp.Equal(got, []string{"openat", "ptrace"}) {
		t.Errorf("demand after a rule was added: %v", got)
	}
	reloaded(t, r, 0, "A", "B")
	if got := fires(t, r, 1, "openat"); !cmp.Equal(got, []string{"B"}) {
		t.Errorf("rules that fire: %v", got)
	}

	write(t, dir, map[string]string{"sub/c.rego": regoRule("C", "ptrace")})
	reloaded(t, r, 0, "A", "B", "C")
	write(t, dir, map[string]string{"sub/c.rego": regoRule("C2", "ptrace")})
	reloaded(t, r, 0, "A", "B", "C2")

	// As editors and configuration management do it.
	next := filepath.Join(dir, ".new")
	write(t, dir, map[string]string{".new": regoRule("A2", "openat")})
	if err := os.Rename(next, filepath.Join(dir, "a.rego")); err != nil {
		t.Fatal(err)
	}
	reloaded(t, r, 0, "A2", "B", "C2")
	if got := fires(t, r, 2, "ptrace"); !cmp.Equal(got, []string{"C2"}) {
		t.Errorf("rules that fire: %v", got)
	}

	if err := os.RemoveAll(filepath.Join(dir, "sub")); err != nil {
		t.Fatal(err)
	}
	reloaded(t, r, 0, "A2", "B")
	if got := fires(t, r, 3, "ptrace"); len(got) > 0 {
		t.Errorf("rules that fire: %v", got)
	}
}

func TestReloadKeepsLastGood(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.rego": regoRule("A", "ptrace"), "b.rego": regoRule("B", "ptrace")})
	r := watching(t, dir)

	write(t, dir, map[string]string{"a.rego": broken, "b.rego": regoRule("B2", "ptrace")})
	rs := reloaded(t, r, 1, "A", "B2")
	text := rs.Problems[0].Error()
	for _, want := range []string{dir + "/a.rego:3:", "the version loaded before stays in force", "nonsense", "^"} {
		if !strings.Contains(text, want) {
			t.Errorf("the problem does not show %q:\n%s", want, text)
		}
	}
	if got := fires(t, r, 1, "ptrace"); !cmp.Equal(got, []string{"A", "B2"}) {
		t.Errorf("rules that fire: %v", got)
	}
	// Another file changes while a.rego is broken.
	write(t, dir, map[string]string{"b.rego": regoRule("B3", "ptrace")})
	reloaded(t, r, 1, "A", "B3")

	write(t, dir, map[string]string{"a.rego": regoRule("A4", "ptrace")})
	reloaded(t, r, 0, "A4", "B3")

	write(t, dir, map[string]string{"new.rego": broken})
	rs = reloaded(t, r, 1, "A4", "B3")
	if strings.Contains(rs.Problems[0].Message, "stays in force") {
		t.Errorf("there was no version before: %s", rs.Problems[0].Message)
	}
	if err := os.Remove(filepath.Join(dir, "a.rego")); err != nil {
		t.Fatal(err)
	}
	reloaded(t, r, 1, "B3")
	_, detail := r.Health()
	if problems, _ := detail["problems"].([]string); len(problems) != 1 {
		t.Errorf("health says %v", detail)
	}
}

// TestReloadSwap swaps a directory of rules as a mounted ConfigMap does.
func TestReloadSwap(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "rules")
	write(t, root, map[string]string{
		"rules/..v1/a.rego": regoRule("A1", "ptrace"),
		"rules/..v2/a.rego": regoRule("A2", "ptrace"),
	})
	link := func(target, name string) {
		t.Helper()
		tmp := filepath.Join(root, "tmp")
		if err := os.Symlink(target, tmp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("..v1", "..data")
	link("..data/a.rego", "a.rego")
	r := watching(t, dir)
	reloaded(t, r, 0, "A1")
	link("..v2", "..data")
	reloaded(t, r, 0, "A2")
}

// TestReloadSourceSwap swaps the directory itself, and takes it away.
func TestReloadSourceSwap(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "current")
	write(t, root, map[string]string{"v1/a.rego": regoRule("A1", "ptrace"), "v2/a.rego": regoRule("A2", "ptrace")})
	link := func(target string) {
		t.Helper()
		tmp := filepath.Join(root, "tmp")
		if err := os.Symlink(target, tmp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, dir); err != nil {
			t.Fatal(err)
		}
	}
	link("v1")
	r := watching(t, dir)
	link("v2")
	reloaded(t, r, 0, "A2")
	write(t, root, map[string]string{"v2/b.rego": regoRule("B", "ptrace")})
	reloaded(t, r, 0, "A2", "B")
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if got := fires(t, r, 1, "ptrace"); !cmp.Equal(got, []string{"A2", "B"}) {
		t.Errorf("rules that fire while the directory is away: %v", got)
	}
	link("v1")
	reloaded(t, r, 0, "A1")
}

// TestReloadLinkInTheMiddle swaps links that are neither the source nor a file:
// one above the source and one that another link leads through.
func TestReloadLinkInTheMiddle(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{
		"v1/rules/a.rego": regoRule("A1", "ptrace"), "v2/rules/a.rego": regoRule("A2", "ptrace"),
		"b/1.rego": regoRule("B1", "ptrace"), "b/2.rego": regoRule("B2", "ptrace"),
	})
	link := func(target, name string) {
		t.Helper()
		tmp := filepath.Join(root, "tmp")
		if err := os.Symlink(target, tmp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("v1", "current")
	link("b/1.rego", "b/mid")
	link(root+"/b/./1.rego", "b/mid")
	for _, v := range []string{"v1", "v2"} {
		link("../../b/mid", v+"/rules/b.rego")
	}
	r := watching(t, filepath.Join(root, "current", "rules"))
	reloaded(t, r, 0, "A1", "B1")
	link("v2", "current")
	reloaded(t, r, 0, "A2", "B1")
	link("2.rego", "b/mid")
	reloaded(t, r, 0, "A2", "B2")
	link("v1", "current")
	reloaded(t, r, 0, "A1", "B2")
	link("1.rego", "b/mid")
	reloaded(t, r, 0, "A1", "B1")
}

// TestReloadRelative names the directory from where it is.
func TestReloadRelative(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"rules/sub/a.rego": regoRule("A1", "ptrace")})
	t.Chdir(root)
	r := watching(t, "./rules/")
	if rs := reloaded(t, r, 0, "A1"); rs.Rules[0].File != "rules/sub/a.rego" {
		t.Errorf("the rule is of %s", rs.Rules[0].File)
	}
	write(t, root, map[string]string{"rules/sub/b.rego": regoRule("B", "ptrace")})
	reloaded(t, r, 0, "A1", "B")
}

// TestReloadKeepsState reloads Rego rules in the middle of a Go rule's count.
func TestReloadKeepsState(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.rego": regoRule("A", "openat")})
	closed := 0
	r := watching(t, dir, func() detect.Signature {
		s := countTo("G", 3, "ptrace")().(*sig)
		s.onClose = func() { closed++ }
		return s
	})
	fires(t, r, 1, "ptrace")
	fires(t, r, 2, "ptrace")
	write(t, dir, map[string]string{"a.rego": regoRule("A2", "openat")})
	reloaded(t, r, 0, "A2", "G")
	if got := fires(t, r, 3, "ptrace"); !cmp.Equal(got, []string{"G"}) {
		t.Errorf("the Go rule lost count: %v", got)
	}
	if closed != 0 {
		t.Errorf("the Go rule was closed %d times", closed)
	}
}

func TestRescan(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.rego": regoRule("A", "ptrace")})
	cfg := config()
	// Watching would take an hour to settle.
	cfg.Watch, cfg.Settle, cfg.Rescan = true, time.Hour, 5*time.Millisecond
	cfg.Rules = []string{dir}
	r := start(t, cfg, languages())
	write(t, dir, map[string]string{"a.rego": regoRule("A2", "ptrace")})
	reloaded(t, r, 0, "A2")
}

func demanded(d msg.Demand) []string {
	var out []string
	for _, e := range d.Events {
		out = append(out, e.Name)
	}
	return out
}
