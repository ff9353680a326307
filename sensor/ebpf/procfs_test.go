//go:build cgo && linux

package ebpf

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

func procText(t *testing.T, pid int, name string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// procStatus is /proc/PID/status with single spaces.
func procStatus(t *testing.T, pid int) map[string]string {
	t.Helper()
	m := make(map[string]string)
	for _, l := range strings.Split(procText(t, pid, "status"), "\n") {
		k, v, _ := strings.Cut(l, ":")
		m[k] = strings.Join(strings.Fields(v), " ")
	}
	return m
}

// startTicks is the start time in ticks of 10 ms since boot.
func startTicks(t *testing.T, pid int) int64 {
	t.Helper()
	_, rest, _ := strings.Cut(procText(t, pid, "stat"), ") ")
	n, err := strconv.ParseInt(strings.Fields(rest)[19], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func nsOf(t *testing.T, pid int, name string) uint32 {
	t.Helper()
	l, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
	if err != nil {
		t.Fatal(err)
	}
	_, l, _ = strings.Cut(l, "[")
	n, err := strconv.ParseUint(strings.TrimSuffix(l, "]"), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}
