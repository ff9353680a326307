package msg_test

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"github.com/tripline/tripline/pkg/msg"
)

// TestToken: every name, of whatever bytes, becomes one token that a subject
// can hold, and comes back.
func TestToken(t *testing.T) {
	token := regexp.MustCompile(`^[A-Za-z0-9_=-]+$`)
	rapid.Check(t, func(t *rapid.T) {
		name, other := hostile().Draw(t, "name"), hostile().Draw(t, "other")
		got := msg.Token(name)
		if !token.MatchString(got) {
			t.Fatalf("%q is no token", got)
		}
		back, ok := msg.Untoken(got)
		if !ok || back != name {
			t.Fatalf("%q came back as %q, %v", name, back, ok)
		}
		if (got == msg.Token(other)) != (name == other) {
			t.Fatalf("%q and %q are both %q", name, other, got)
		}
		// Only what Token makes is taken.
		if back, ok := msg.Untoken(name); ok && msg.Token(back) != name {
			t.Fatalf("%q is taken for %q, whose token is %q", name, back, msg.Token(back))
		}
	})
}

func TestTokens(t *testing.T) {
	for name, want := range map[string]string{
		"": "=", "web-1": "web-1", "web-1.example": "web-1=2Eexample", "=": "=3D", "a b*>": "a=20b=2A=3E", "ü": "=C3=BC",
	} {
		if got := msg.Token(name); got != want {
			t.Errorf("%q is %q, not %q", name, got, want)
		}
	}
	for _, token := range []string{"", "a.b", "=2", "a=", "=2e", "=41", "=GG", "==", "*", ">"} {
		if name, ok := msg.Untoken(token); ok {
			t.Errorf("%q is taken for %q", token, name)
		}
	}
}

func TestSubjects(t *testing.T) {
	for got, want := range map[string]string{
		msg.RawSubject("web.1"):                               "tripline.raw.web=2E1",
		msg.EventsSubject("web", 15):                          "tripline.events.web.15",
		msg.DetectionSubject(msg.Critical, "web", "Shell in"): "tripline.detections.critical.web.Shell=20in",
		msg.DeadSubject("slack"):                              "tripline.dead.slack",
		msg.HealthSubject("sensor", "web-1"):                  "tripline.health.sensor.web-1",
		msg.TailSubject(msg.SubjectTailRaw, "web", "openat"):  "tripline.tail.raw.web.openat",
		msg.TailSubject(msg.SubjectTailEvents, "", "*"):       "tripline.tail.events.=.=2A",
	} {
		if got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}
