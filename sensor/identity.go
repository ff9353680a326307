package sensor

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// seqShift turns nanoseconds of the boot clock into the first sequence number
// of a sensor: units of 128 ns.
const seqShift = 7

// FirstSeq is where a sensor that starts now begins to number: above every
// number used in this boot before; see the package comment.
func FirstSeq() (uint64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("read the boot clock: %w", err)
	}
	return uint64(ts.Nano()) >> seqShift, nil
}

// BootID returns the kernel's random id of this boot, see random(4).
func BootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the id of this boot: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
