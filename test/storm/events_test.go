package storm

import (
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tripline/tripline/matcher"
	matchers "github.com/tripline/tripline/matcher/builtin"
	"github.com/tripline/tripline/rules"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

// TestEvents holds the list of events against the rules.
func TestEvents(t *testing.T) {
	cfg := matcher.DefaultConfig()
	rs, err := matcher.Load(cfg, matchers.Languages(matchers.DefaultConfig(), slog.New(slog.DiscardHandler)), rules.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range rs.Events() {
		if !slices.Contains(Events(), e) {
			t.Errorf("a rule needs %s, which the storm does not ask for", e)
		}
	}
}

// TestRun makes a short storm: all attacks can be done, and files are opened.
func TestRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: attacks do what root does")
	}
	r, err := Run(t.Context(), Config{Dir: t.TempDir(), Duration: time.Second, Rounds: 1, Files: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Attacks) != len(Kinds()) || r.Pairs < 1000 {
		t.Errorf("%d attacks of %d kinds, %d times opened and closed", len(r.Attacks), len(Kinds()), r.Pairs)
	}
}
