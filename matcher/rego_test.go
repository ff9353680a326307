package matcher_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/rego"
	"github.com/tripline/tripline/pkg/detect"
)

// regoRule is a rule that fires on every event of a type.
func regoRule(id, event string) string {
	return fmt.Sprintf(`package tracee.%s

__rego_metadoc__ := {"id": "%s", "name": "name of %s", "version": "1", "description": "d"}

tracee_selected_events[s] {
	s := {"source": "tracee", "name": "%s"}
}

tracee_match {
	input.eventName == "%s"
}
`, "p_"+id, id, id, event, event)
}

// broken has an error in its third line.
const broken = "package tracee.broken\n\ntracee_match { nonsense( }\n"

// languages are real: Rego, and Go if there are signatures.
func languages(signatures ...func() detect.Signature) []matcher.Language {
	return append(goLanguage(signatures...), rego.New(rego.DefaultConfig(), slog.New(slog.DiscardHandler)))
}

// write makes files below a directory; a name that ends in "/" is a directory.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func ids(rs *matcher.Ruleset) []string {
	out := []string{}
	for _, r := range rs.Rules {
		out = append(out, r.Info.ID)
	}
	return out
}

func codes(rs *matcher.Ruleset) []string {
	out := []string{}
	for _, p := range rs.Problems {
		out = append(out, p.Code)
	}
	return out
}
