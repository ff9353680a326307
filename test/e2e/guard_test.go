package e2e

import (
	"os"
	"slices"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
)

// TestSensorKilled kills a sensor, and stops another in order: the matcher
// tells of both, as what they are.
func TestSensorKilled(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it runs a sensor")
	}
	serve, url := bus(t)
	start(t, append([]string{"run", "nats"}, serve...)...).ready()
	start(t, "run", "matcher", "--nats", url, "--rules-dir", ruleDir(t, trc2)).ready()
	n := start(t, "run", "notifier", "--nats", url, "--output", "json").ready()
	told := func(rule, host string) func() bool {
		return func() bool {
			return slices.ContainsFunc(lines[msg.Detection](n.out.String()), func(d msg.Detection) bool {
				return d.Rule.ID == rule && d.Host == host
			})
		}
	}
	killed := start(t, "run", "sensor", "--nats", url, "--host", "killed").ready()
	stopped := start(t, "run", "sensor", "--nats", url, "--host", "stopped").ready()
	killed.kill()
	stopped.stop()
	eventually(t, "a detection of the sensor that was stopped", told("tripline-sensor-stopped", "stopped"))
	eventually(t, "a detection of the sensor that was killed", told("tripline-sensor-silent", "killed"))
	if told("tripline-sensor-silent", "stopped")() || told("tripline-sensor-stopped", "killed")() {
		t.Errorf("one is taken for the other: %s", n.out.String())
	}
}
