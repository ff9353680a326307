package matcher

import (
	"testing"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

func TestSensors(t *testing.T) {
	now := time.Unix(1000, 0)
	beat := func(instance string, detail map[string]any) msg.Heartbeat {
		return msg.Heartbeat{Stage: sensorStage, Instance: instance, Host: "h", PID: 7, Started: time.Unix(1, 0), Time: now, Detail: detail}
	}
	rules := func(all []*msg.Detection) (out []string) {
		for _, d := range all {
			out = append(out, d.Rule.ID)
		}
		return out
	}
	expect := func(what string, all []*msg.Detection, want ...string) {
		t.Helper()
		got := rules(all)
		if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	s := newSensors(10 * time.Second)
	expect("a sign of life", s.heard(beat("a", nil), now))
	expect("of another stage", s.heard(msg.Heartbeat{Stage: "notifier", Instance: "n", Host: "h"}, now))
	expect("soon after", s.silent(now.Add(9*time.Second)))
	expect("a new sensor on the host", s.heard(beat("b", nil), now.Add(9*time.Second)))
	dead := s.silent(now.Add(11 * time.Second))
	expect("the first is dead", dead, silentRule)
	expect("told once", s.silent(now.Add(12*time.Second)))

	bad := map[string]any{msg.DetailTampered: []any{"gates changed"}}
	expect("tampered", s.heard(beat("b", bad), now.Add(12*time.Second)), tamperedRule)
	expect("told once", s.heard(beat("b", bad), now.Add(13*time.Second)))
	bad[msg.DetailTampered] = []any{"gates changed", "link gone"}
	more := s.heard(beat("b", bad), now.Add(14*time.Second))
	expect("more of it", more, tamperedRule)
	if len(more) == 1 && more[0].Data["tampered"] != "link gone" {
		t.Errorf("told again: %v", more[0].Data)
	}
	expect("stopped", s.heard(beat("b", map[string]any{msg.DetailEnded: true, msg.DetailTampered: bad[msg.DetailTampered]}), now.Add(15*time.Second)), stoppedRule)
	expect("and no more", s.silent(now.Add(time.Hour)))

	// Another matcher tells the same with the same id.
	other := newSensors(10 * time.Second)
	other.heard(beat("a", nil), now.Add(time.Second))
	again := other.silent(now.Add(20 * time.Second))
	expect("by another matcher", again, silentRule)
	if len(again) == 1 && again[0].ID != dead[0].ID {
		t.Errorf("ids %s and %s of the same", again[0].ID, dead[0].ID)
	}
}
