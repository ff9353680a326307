package catalogue_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

var update = flag.Bool("update", false, "add new events and arguments to testdata/v1")

// line is what never changes of an event.
func line(e *catalogue.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", e.ID, e.Name)
	for _, p := range e.Params {
		fmt.Fprintf(&b, " %s:%s", p.Name, p.Kind)
	}
	return b.String()
}

// TestFrozen holds the promise of version 1: an id keeps its name, and an
// argument its position and kind. Events and last arguments may be added,
// with -update, which refuses everything else.
func TestFrozen(t *testing.T) {
	path := filepath.Join("testdata", "v1", "events.txt")
	text, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	now := map[string]string{}
	var all bytes.Buffer
	for e := range catalogue.All() {
		l := line(e)
		id, _, _ := strings.Cut(l, " ")
		now[id] = l
		all.WriteString(l + "\n")
	}
	for l := range strings.Lines(string(text)) {
		l = strings.TrimSpace(l)
		id, _, _ := strings.Cut(l, " ")
		got := now[id]
		switch {
		case got == l:
		case !strings.HasPrefix(got, l+" "):
			t.Errorf("an event changed, which breaks every recorded one:\nwas %s\nis  %s", l, got)
		case !*update:
			t.Errorf("arguments were added: freeze them with go test -run TestFrozen -update\nis  %s", got)
		}
		delete(now, id)
	}
	if !*update {
		for _, l := range now {
			t.Errorf("an event was added: freeze it with go test -run TestFrozen -update\nis  %s", l)
		}
		return
	}
	if t.Failed() {
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, all.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
