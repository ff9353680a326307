package containerd

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// started returns when a process started, in ns since the epoch, 0 when that
// cannot be told. containerd knows the first process of a container only.
func started(pid uint32) int64 {
	if pid == 0 {
		return 0
	}
	stat, err := os.ReadFile("/proc/" + strconv.FormatUint(uint64(pid), 10) + "/stat")
	if err != nil {
		return 0
	}
	// Field 22 of proc(5), counted from the end of the name, in 1/100 s.
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(f) < 20 {
		return 0
	}
	ticks, _ := strconv.ParseInt(f[19], 10, 64)
	return bootTime() + ticks*10_000_000
}

// bootTime is the btime of /proc/stat, in ns since the epoch.
func bootTime() int64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "btime "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			return n * 1e9
		}
	}
	return 0
}
