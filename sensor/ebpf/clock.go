//go:build cgo && linux

package ebpf

import (
	"time"

	"golang.org/x/sys/unix"
)

// clock turns the kernel's time since boot into time of day.
type clock struct {
	boot    int64 // ns since the epoch
	checked time.Time
}

// The clock is looked at every clockEvery and set again when it is off by more
// than clockSlack (somebody set the time): a boot time that wavered by
// microseconds would make the start time of a process waver too.
const (
	clockEvery = time.Second
	clockSlack = time.Millisecond
)

func newClock() clock { return clock{boot: bootTime(), checked: time.Now()} }

func (c *clock) check(now time.Time) {
	if now.Sub(c.checked) < clockEvery {
		return
	}
	c.checked = now
	if b := bootTime(); time.Duration(b-c.boot).Abs() > clockSlack {
		c.boot = b
	}
}

// bootTime takes the closest of a few readings, for the process may be
// interrupted between the two clocks.
func bootTime() int64 {
	var best, width int64
	for i := range 5 {
		var a, b, real unix.Timespec
		if unix.ClockGettime(unix.CLOCK_BOOTTIME, &a) != nil ||
			unix.ClockGettime(unix.CLOCK_REALTIME, &real) != nil ||
			unix.ClockGettime(unix.CLOCK_BOOTTIME, &b) != nil {
			return 0
		}
		if w := b.Nano() - a.Nano(); i == 0 || w < width {
			best, width = real.Nano()-(a.Nano()+b.Nano())/2, w
		}
	}
	return best
}
