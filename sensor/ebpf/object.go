//go:build cgo && linux

package ebpf

import (
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"

	bpf "github.com/aquasecurity/libbpfgo"
	"golang.org/x/sys/unix"
)

// btfPath is where the kernel tells its types.
const btfPath = "/sys/kernel/btf/vmlinux"

// object is what `make` builds of bpf/.
//
//go:embed tripline.bpf.o
var object []byte

// libbpfLog keeps what libbpf says: warnings go to the log, and the last lines
// into the error when loading fails.
type libbpfLog struct {
	log *slog.Logger

	mu   sync.Mutex
	tail []string
}

const libbpfTail = 40

func (l *libbpfLog) print(level int, text string) {
	text = strings.TrimRight(text, "\n")
	l.mu.Lock()
	defer l.mu.Unlock()
	switch level {
	case bpf.LibbpfWarnLevel:
		l.tail = append(l.tail, text)
		if len(l.tail) > libbpfTail {
			l.tail = l.tail[1:]
		}
		l.log.Debug("libbpf warns", "text", text)
	case bpf.LibbpfInfoLevel:
		l.log.Debug("libbpf", "text", text)
	}
}

// reason is the line of libbpf's that says most about a failure.
func (l *libbpfLog) reason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.tail {
		if strings.Contains(t, "failed to load") || strings.Contains(t, "failed to find") {
			return strings.TrimPrefix(t, "libbpf: ")
		}
	}
	if n := len(l.tail); n > 0 {
		return strings.TrimPrefix(l.tail[n-1], "libbpf: ")
	}
	return ""
}

// forget drops what was said before another attempt.
func (l *libbpfLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = nil
}

// open hands an object to libbpf without loading it. It goes through a memfd,
// because libbpfgo raises the limit of locked memory, which may be forbidden
// and which no kernel since 5.11 needs, unless it loads from a file.
func open(object []byte) (*bpf.Module, error) {
	fd, err := unix.MemfdCreate("tripline.bpf.o", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd for the kernel programs: %w", err)
	}
	f := os.NewFile(uintptr(fd), "tripline.bpf.o")
	defer f.Close()
	if _, err := f.Write(object); err != nil {
		return nil, fmt.Errorf("memfd for the kernel programs: %w", err)
	}
	m, err := bpf.NewModuleFromFileArgs(bpf.NewModuleArgs{
		BPFObjPath: fmt.Sprintf("/proc/self/fd/%d", fd), SkipMemlockBump: true,
	})
	if err != nil {
		return nil, fmt.Errorf("the embedded kernel programs are damaged: %w", err)
	}
	return m, nil
}

// explain turns a failure to load or attach into one line that says what to do.
func explain(err error, reason string) error {
	release := kernelRelease()
	if _, e := os.Stat(btfPath); e != nil {
		return fmt.Errorf("kernel %s has no type information (%s): use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as those of Debian 11, Ubuntu 20.10 and later are", release, btfPath)
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) && !privileged() {
		return fmt.Errorf("not allowed to load programs into kernel %s: run as root, or with the capabilities BPF, PERFMON and SYS_RESOURCE, and check kernel.lockdown (%w)", release, err)
	}
	if tooOld(release) {
		return fmt.Errorf("kernel %s is too old: %s or later is needed (%w)", release, oldestKernel, err)
	}
	if reason != "" {
		return fmt.Errorf("kernel %s refuses the programs: %s (%w)", release, reason, err)
	}
	return fmt.Errorf("kernel %s refuses the programs: %w", release, err)
}

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "of unknown version"
	}
	return unix.ByteSliceToString(u.Release[:])
}

// oldestKernel is the oldest that the programs are tested on. Ring buffers and
// the list of processes are there since 5.8.
const oldestKernel = "5.10"

func tooOld(release string) bool { return before(release, 5, 10) }

// before says whether a release of the kernel is older than a version.
func before(release string, major, minor int) bool {
	var x, y int
	if _, err := fmt.Sscanf(release, "%d.%d", &x, &y); err != nil {
		return false
	}
	return x < major || x == major && y < minor
}

// attachOnce says whether this kernel lets a program be put on a hook once only
// (until 5.12, f3a95075549e). What is detached stays there then and looks at its
// event's gate.
func attachOnce() bool { return before(kernelRelease(), 5, 12) }

// privileged says whether the process has CAP_SYS_ADMIN, or CAP_BPF with
// CAP_PERFMON.
func privileged() bool {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if unix.Capget(&h, &d[0]) != nil {
		return false
	}
	has := func(c uint) bool { return d[c/32].Effective&(1<<(c%32)) != 0 }
	return has(unix.CAP_SYS_ADMIN) || has(unix.CAP_BPF) && has(unix.CAP_PERFMON)
}
