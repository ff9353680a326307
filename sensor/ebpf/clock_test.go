//go:build cgo && linux

package ebpf

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	now := time.Now()
	boot := bootTime()
	if boot <= 0 || boot > now.UnixNano() {
		t.Fatalf("booted at %d, now is %d", boot, now.UnixNano())
	}
	// What wavers by less than the slack stays; a clock that was set does not.
	for _, c := range []struct {
		name    string
		off     time.Duration
		adopted bool
	}{{"wavers", clockSlack / 100, false}, {"was set", time.Hour, true}} {
		c1 := clock{boot: boot + int64(c.off), checked: now}
		c1.check(now.Add(clockEvery / 2))
		if c1.boot != boot+int64(c.off) {
			t.Errorf("%s: looked at too early", c.name)
		}
		c1.check(now.Add(clockEvery))
		if adopted := c1.boot != boot+int64(c.off); adopted != c.adopted {
			t.Errorf("%s: adopted %v, want %v", c.name, adopted, c.adopted)
		}
	}
}
