package msg_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
)

func TestPriority(t *testing.T) {
	for i, c := range []struct {
		p        msg.Priority
		name     string
		severity int
	}{
		{msg.Emergency, "emergency", 4},
		{msg.Alert, "alert", 4},
		{msg.Critical, "critical", 4},
		{msg.Error, "error", 3},
		{msg.Warning, "warning", 2},
		{msg.Notice, "notice", 1},
		{msg.Informational, "informational", 0},
		{msg.Debug, "debug", 0},
	} {
		if int(c.p) != i || c.p.String() != c.name || c.p.Severity() != c.severity {
			t.Errorf("%s is %d, %q with severity %d", c.name, c.p, c.p, c.p.Severity())
		}
		for _, text := range []string{c.name, strings.ToUpper(c.name)} {
			if p, err := msg.ParsePriority(text); err != nil || p != c.p {
				t.Errorf("%q is read as %v, %v", text, p, err)
			}
		}
		text, err := json.Marshal(map[string]msg.Priority{"p": c.p})
		if err != nil || string(text) != `{"p":"`+c.name+`"}` {
			t.Errorf("%s is written as %s, %v", c.name, text, err)
		}
	}
	if p, err := msg.ParsePriority("Info"); err != nil || p != msg.Informational {
		t.Errorf("info is read as %v, %v", p, err)
	}
	if got := msg.Priority(9).String(); got != "priority-9" {
		t.Errorf("an unknown priority is %q", got)
	}
	for _, text := range []string{"", "high", "priority-9", "err or"} {
		if p, err := msg.ParsePriority(text); err == nil || !strings.Contains(err.Error(), "expected one of emergency, alert,") {
			t.Errorf("%q is read as %v, %v", text, p, err)
		}
	}
	var d msg.Detection
	if err := json.Unmarshal([]byte(`{"priority":"dreadful"}`), &d); err == nil {
		t.Errorf("dreadful is read as %v", d.Priority)
	}
}

func TestSeverity(t *testing.T) {
	for severity, want := range map[int]msg.Priority{
		-1: msg.Informational, 0: msg.Informational, 1: msg.Notice, 2: msg.Warning, 3: msg.Error, 4: msg.Critical, 9: msg.Critical,
	} {
		if got := msg.PriorityOfSeverity(severity); got != want {
			t.Errorf("severity %d is %v, not %v", severity, got, want)
		}
		if severity >= 0 && severity <= 4 && want.Severity() != severity {
			t.Errorf("severity %d comes back as %d", severity, want.Severity())
		}
	}
}
