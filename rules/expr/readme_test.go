package expr_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
)

// TestReadme: the table lists every rule, as it is, and no other.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{} // by file
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if file := strings.Trim(cells[0], " `"); strings.HasSuffix(file, ".yaml") && len(cells) == 6 {
			rows[file] = cells
		}
	}
	cfg := matcher.DefaultConfig()
	cfg.Rules = []string{"."}
	rs, err := matcher.Load(cfg, []matcher.Language{expr.New(expr.DefaultConfig(), slog.New(slog.DiscardHandler))}, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs.Rules {
		file := filepath.Base(r.File)
		cells, ok := rows[file]
		if !ok {
			t.Errorf("%s is not in the table", file)
			continue
		}
		delete(rows, file)
		name := r.Info.Name
		if r.Disabled {
			name += " (disabled)"
		}
		if cells[1] != name {
			t.Errorf("%s: the table says %q, the rule is %q", file, cells[1], name)
		}
		if want := strings.ToUpper(r.Priority.String()); !strings.HasPrefix(want, cells[4]) {
			t.Errorf("%s: the table says %q, the priority is %q", file, cells[4], want)
		}
	}
	for file := range rows {
		t.Errorf("%s is in the table but holds no rule", file)
	}
}
