package render

import (
	"strings"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
)

// TestPartialContainer: people see that not everything is known.
func TestPartialContainer(t *testing.T) {
	for completeness, want := range map[string]string{"": "", "complete": "", "partial": "(metadata: partial)", "none": "(metadata: none)"} {
		d := &msg.Detection{Event: &msg.EventJSON{Container: &msg.ContainerJSON{ID: "0123456789abcdef", Name: "web", Completeness: completeness}}}
		text := string(Classic(d))
		facts := ""
		for _, f := range Facts(d) {
			if f.Name == "Container" {
				facts = f.Value
			}
		}
		for where, text := range map[string]string{"classic": text, "facts": facts} {
			if strings.Contains(text, "metadata") != (want != "") || !strings.Contains(text, want) {
				t.Errorf("%s of %q: %s", where, completeness, text)
			}
		}
	}
}
