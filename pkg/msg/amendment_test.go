package msg_test

import (
	"encoding/json"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
)

// TestAmendStored: a stored detection whose container is not known whole is
// given what is known; any other is left as it is, byte for byte.
func TestAmendStored(t *testing.T) {
	stored := func(completeness string) []byte {
		d := msg.Detection{ID: "x", Output: `"completeness":"none"`, Event: &msg.EventJSON{Host: "h", Container: &msg.ContainerJSON{ID: "c", Completeness: completeness}}}
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		is, known string
		want      string
	}{
		{"none", "partial", "partial"},
		{"none", "complete", "complete"},
		{"partial", "complete", "complete"},
		{"partial", "partial", ""},
		{"partial", "none", ""},
		{"complete", "complete", ""},
		{"partial", "", ""},
	} {
		text := stored(c.is)
		s, err := msg.OpenDetection(text)
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		got := s.Amend(func(host, id string) *msg.ContainerJSON {
			asked++
			if host != "h" || id != "c" || c.known == "" {
				return nil
			}
			return &msg.ContainerJSON{ID: "c", Name: "web", Completeness: c.known}
		})
		back, err := got.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if c.is == "complete" && asked > 0 {
			t.Errorf("%+v: it was decoded in vain", c)
		}
		if c.want == "" {
			if got != s || string(back) != string(text) {
				t.Errorf("%+v: became %s", c, back)
			}
			continue
		}
		var d msg.Detection
		if err := json.Unmarshal(back, &d); err != nil {
			t.Fatal(err)
		}
		if d.ID != "x" || d.Event.Container.Name != "web" || d.Event.Container.Completeness != c.want {
			t.Errorf("%+v: became %s", c, back)
		}
		if old, _ := s.JSON(); string(old) != string(text) {
			t.Errorf("%+v: the stored one is %s now", c, old)
		}
	}
}
