package matcher_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher"
)

func TestLoadFindsFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"b.rego":         regoRule("B", "ptrace"),
		"a/z.rego":       regoRule("Z", "openat"),
		"a/a.rego":       regoRule("A", "openat"),
		".hidden.rego":   regoRule("H1", "openat"),
		".git/x.rego":    regoRule("H2", "openat"),
		"b_test.rego":    "package tracee.p_B\n",
		"old.rego~":      regoRule("H3", "openat"),
		"notes.txt":      "text",
		"real/c.rego":    regoRule("C", "openat"),
		"real/loop/.gap": "",
	})
	for link, target := range map[string]string{"linked.rego": "real/c.rego", "real/loop/up": "..", "dead.rego": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	cfg := config()
	cfg.Rules = []string{dir}
	rs := mustLoad(t, cfg, languages())
	if diff := cmp.Diff([]string{"A", "Z", "B", "C"}, ids(rs)); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	// The link shows the same file again.
	if diff := cmp.Diff([]string{"duplicate-rule"}, codes(rs)); diff != "" {
		t.Errorf("problems (-want +got):\n%s\n%v", diff, rs.Problems)
	}
	if diff := cmp.Diff([]string{"openat", "ptrace"}, rs.Events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestLoadSources(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"mine.rego": regoRule("S", "ptrace"), "other.rego": regoRule("O", "ptrace")})
	builtin := fstest.MapFS{"rego/theirs.rego": {Data: []byte(regoRule("S", "openat"))}, "rego/theirs_test.rego": {Data: []byte("package x")}}
	langs := languages(everyTime("G", "ptrace"))
	for _, c := range []struct {
		name     string
		sources  []string
		sel      []string
		rules    []string
		file     string // of rule S
		problems []string
	}{
		{"builtin", []string{"builtin"}, nil, []string{"G", "S"}, "builtin:rego/theirs.rego", nil},
		{"a file", []string{dir + "/mine.rego"}, nil, []string{"S"}, dir + "/mine.rego", nil},
		{"the first source counts", []string{dir, "builtin"}, nil, []string{"S", "O", "G"}, dir + "/mine.rego", []string{"duplicate-rule"}},
		{"the first source counts, the other way", []string{"builtin", dir}, nil, []string{"G", "S", "O"}, "builtin:rego/theirs.rego", []string{"duplicate-rule"}},
		{"twice the same", []string{dir, dir + "/mine.rego"}, nil, []string{"S", "O"}, dir + "/mine.rego", nil},
		{"selected by id, name and pattern", []string{dir, "builtin"}, []string{"S", "name of G"}, []string{"S", "G"}, dir + "/mine.rego", []string{"duplicate-rule"}},
		{"selected by pattern", []string{"builtin"}, []string{"[A-G]"}, []string{"G"}, "", nil},
		{"all but one", []string{"builtin"}, []string{"!S"}, []string{"G"}, "", nil},
		{"of some all but one", []string{dir}, []string{"[SO]", "!nobody", "!O"}, []string{"S"}, dir + "/mine.rego", []string{"no-such-rule"}},
		{"selected and not there", []string{"builtin"}, []string{"G", "X-*"}, []string{"G"}, "", []string{"no-such-rule"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config()
			cfg.Rules, cfg.Select = c.sources, c.sel
			rs, err := matcher.Load(cfg, langs, builtin)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.rules, ids(rs)); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(append([]string{}, c.problems...), codes(rs)); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%v", diff, rs.Problems)
			}
			for _, r := range rs.Rules {
				if r.Info.ID == "S" && r.File != c.file {
					t.Errorf("rule S is of %s, want %s", r.File, c.file)
				}
			}
		})
	}
}

// TestSelectTags: rules are chosen, or left out, by their tags.
func TestSelectTags(t *testing.T) {
	for _, c := range []struct{ sel, want []string }{
		{[]string{"tag:quick"}, []string{"atonce"}},
		{[]string{"!tag:quick"}, []string{"waits", "off"}},
		{[]string{"tag:quick", "waits"}, []string{"atonce", "waits"}},
	} {
		cfg := config()
		cfg.Select = c.sel
		if diff := cmp.Diff(c.want, ids(mustLoad(t, cfg, []matcher.Language{waiting{}}))); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.sel, diff)
		}
	}
}

func TestLoadProblems(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"bad.rego": broken, "good.rego": regoRule("GOOD", "ptrace"), "typo.rego": regoRule("TYPO", "ptrac"), "empty/none.txt": "",
	})
	cfg := config()
	cfg.Rules = []string{dir}
	rs := mustLoad(t, cfg, languages())
	if got := ids(rs); !cmp.Equal(got, []string{"GOOD", "TYPO"}) {
		t.Errorf("rules %v", got)
	}
	var text []string
	for _, p := range rs.Problems {
		text = append(text, p.Error())
	}
	all := strings.Join(text, "\n")
	for _, want := range []string{dir + "/bad.rego:3:", "tracee_match { nonsense( }\n", "^", `there is no event "ptrac"`} {
		if !strings.Contains(all, want) {
			t.Errorf("the problems do not show %q:\n%s", want, all)
		}
	}

	cfg.Rules = []string{dir + "/empty"}
	if diff := cmp.Diff([]string{"no-rules"}, codes(mustLoad(t, cfg, languages()))); diff != "" {
		t.Errorf("problems of an empty directory (-want +got):\n%s", diff)
	}
	for source, want := range map[string]string{
		dir + "/nowhere":        "rules " + dir + "/nowhere: no such file or directory; expected a directory, a file or the word",
		dir + "/empty/none.txt": "no rule language has files of this name",
	} {
		cfg.Rules = []string{source}
		if _, err := matcher.Load(cfg, languages(), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	for _, c := range []struct {
		change func(*matcher.Config)
		want   string
	}{
		{func(*matcher.Config) {}, ""},
		{func(c *matcher.Config) { c.Rules = nil }, "matcher.rules"},
		{func(c *matcher.Config) { c.Workers = 0 }, "matcher.workers"},
		{func(c *matcher.Config) { c.Settle = 0 }, "matcher.settle"},
		{func(c *matcher.Config) { c.Rescan = -1 }, "matcher.rescan"},
		{func(c *matcher.Config) { c.Remember = 1 }, "matcher.remember"},
		{func(c *matcher.Config) { c.Select = []string{"[a"} }, "matcher.select"},
		{func(c *matcher.Config) { c.Guard.Failures = 0 }, "matcher.guard.failures"},
		{func(c *matcher.Config) { c.Guard.Window = 0 }, "matcher.guard.window"},
		{func(c *matcher.Config) { c.Guard.Overrun = 1 }, "matcher.guard.overrun"},
		{func(c *matcher.Config) { c.Guard.Stuck = 0 }, "matcher.guard.stuck"},
	} {
		cfg := matcher.DefaultConfig()
		c.change(&cfg)
		err := cfg.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}
