package builtin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/matcher/builtin"
	"github.com/tripline/tripline/pkg/msg"
)

func found(change func(*msg.EventJSON)) *msg.Detection {
	uid := uint32(1000)
	e := &msg.EventJSON{
		Host: "h", Time: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Name: "execve", TID: 5, Comm: "nc",
		Args: []msg.ArgJSON{{Name: "pathname", Type: "const char*", Value: "/bin/nc"}},
		Process: &msg.ProcessJSON{
			PID: 5, PPID: 4, NSPID: 5, Comm: "nc", Exe: "/bin/nc", Args: []string{"nc", "-l"}, UID: &uid, User: "alice",
			Ancestors: []msg.AncestorJSON{{PID: 4, Comm: "bash"}},
		},
	}
	change(e)
	return &msg.Detection{Event: e}
}

func TestCondition(t *testing.T) {
	plain := func(*msg.EventJSON) {}
	inContainer := func(e *msg.EventJSON) {
		e.Container = &msg.ContainerJSON{ID: "0123456789abcdef", Name: "web", Image: "nginx:1", Completeness: "complete"}
	}
	for _, c := range []struct {
		text   string
		change func(*msg.EventJSON)
		want   bool
	}{
		{"proc.name = nc", plain, true},
		{"proc.name in (cat, dog)", plain, false},
		{"evt.type = execve and proc.pname = bash", plain, true},
		{"proc.args contains -l and user.name = alice", plain, true},
		{"container.id = host", plain, true},
		{"container.id = host", inContainer, false},
		{"container.image.repository = nginx", inContainer, true},
		{"proc.name = nc", func(e *msg.EventJSON) { e.Name = "source_complete" }, false},
	} {
		holds, err := builtin.Condition(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		// Twice, since nothing of one event may be taken for another's.
		if d := found(c.change); holds(d) != c.want || holds(found(func(e *msg.EventJSON) { e.Process.Comm = "other" })) && strings.HasPrefix(c.text, "proc.name") || holds(d) != c.want {
			t.Errorf("%s: not %v", c.text, c.want)
		}
	}
	holds, err := builtin.Condition("proc.name = nc")
	if err != nil || holds(&msg.Detection{}) {
		t.Errorf("%v, or it holds without an event", err)
	}
}

func TestConditionRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"proc.nam = x":      "proc.nam",
		"proc.name =":       "expected",
		"my_macro":          "my_macro",
		"proc.pid = x":      "x",
		"a\nb: [}":          "a",
		"proc.name = \"x\"": "",
	} {
		_, err := builtin.Condition(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
