package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const diskBytes = 64 << 20

// TestFullDisk: while the disk that the server keeps its streams on is full,
// nothing can be stored; when there is room again everything goes on, and what
// was made meanwhile is found.
func TestFullDisk(t *testing.T) {
	needs(t)
	if os.Getenv("TRIPLINE_FAULTS_FOR") == "" {
		t.Skip("needs TRIPLINE_FAULTS_FOR: run make test-faults")
	}
	run := fmt.Sprintf("tld%d", os.Getpid())
	disk := t.TempDir()
	if err := unix.Mount("tripline-faults", disk, "tmpfs", 0, fmt.Sprintf("size=%d", diskBytes)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	p := start(t, run, filepath.Join(disk, "store"), rules(run), diskBytes/8)
	m := startMarkers(t, run, t.TempDir())
	p.waitFor(ruleFifth)

	fill := filepath.Join(disk, "fill")
	taken := fillUp(t, fill)
	full := time.Now()
	for time.Since(full) < faultLasts {
		time.Sleep(500 * time.Millisecond)
		taken += fillUp(t, fill)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d KiB of %d were taken away for %v", taken>>10, diskBytes>>10, time.Since(full).Round(time.Millisecond))
	time.Sleep(2 * faultLasts)
	m.finish()
	p.settle()

	sensor := p.stages["sensor"]
	rows := judge(m.all, delivered(t, p.sink), func(at time.Time) bool { return sensor.wasDown(at, unwatchedBefore, unwatchedAfter) })
	t.Logf("\n%slost and counted: %s", table(rows), p.beats.lost())
	for _, row := range rows {
		if row.bad() || row.expected == 0 {
			t.Errorf("%s: %d expected, %d missing, %d not due, %d doubled", row.rule, row.expected, row.missing, row.extra, row.double)
		}
	}
	if s := p.strange(); len(s) > 0 {
		t.Errorf("stages ended by themselves:\n%s", strings.Join(s, "\n"))
	}
}

// fillUp writes until there is no room.
func fillUp(t *testing.T, file string) (n int) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 64 << 10; size > 0; {
		k, err := f.Write(make([]byte, size))
		n += k
		if errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return n
}
