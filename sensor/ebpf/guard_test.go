//go:build cgo && linux && amd64

package ebpf

import (
	"os/exec"
	"strings"
	"testing"
	"time"
	"unsafe"

	bpf "github.com/aquasecurity/libbpfgo"
	"golang.org/x/sys/unix"
)

// awaitTampering waits until the guard has found so much, and returns it.
func (w *watch) awaitTampering(n int) string {
	w.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if found := w.Tampered(); len(found) >= n {
			return strings.Join(found, "; ")
		}
	}
	w.t.Fatalf("found %q, want %d", w.Tampered(), n)
	return ""
}

// otherMap opens a map of the source's as any other process with its privileges
// does: by id.
func (w *watch) otherMap(name string) *bpf.BPFMapLow {
	w.t.Helper()
	m, err := w.module.GetMap(name)
	if err != nil {
		w.t.Fatal(err)
	}
	info, err := bpf.GetMapInfoByFD(m.FileDescriptor())
	if err != nil {
		w.t.Fatal(err)
	}
	other, err := bpf.GetMapByID(info.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = unix.Close(other.FileDescriptor()) })
	return other
}

// TestTampering blinds the sensor in each way, and sees it find that and see
// again.
func TestTampering(t *testing.T) {
	w := start(t, "setpriority", "security_file_open")
	nice := func() { w.event("setpriority", of(niced(t, niceProgram(), nil))) }
	if _, err := exec.LookPath(niceProgram()); err != nil {
		t.Skip(err)
	}
	nice()
	if found := w.Tampered(); len(found) > 0 {
		t.Fatalf("found %q before anything was done", found)
	}

	// All gates shut.
	tables := w.otherMap(".data.shared")
	key := uint32(0)
	value, err := tables.GetValue(unsafe.Pointer(&key))
	if err != nil {
		t.Fatal(err)
	}
	clear(value[:unsafe.Offsetof(w.shared.m.events)])
	if err := tables.Update(unsafe.Pointer(&key), unsafe.Pointer(&value[0])); err != nil {
		t.Fatal(err)
	}
	if found := w.awaitTampering(1); !strings.Contains(found, "tables") {
		t.Errorf("found %q", found)
	}
	// Whoever wrote the whole value wrote what was the test's, too.
	w.observeSelf()
	nice()

	// A program that derives events is taken out.
	open := uint32(hookOpen)
	if err := w.otherMap("exit_hooks").DeleteKey(unsafe.Pointer(&open)); err != nil {
		t.Fatal(err)
	}
	if found := w.awaitTampering(2); !strings.Contains(found, "derive events") {
		t.Errorf("found %q", found)
	}
	w.event("security_file_open", of(niced(t, niceProgram(), nil)))

	// The descriptor of a link is taken away, by ptrace for example: the kernel
	// detaches the program.
	w.Source.mu.Lock()
	fd := w.links[progExit].FileDescriptor()
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Dup3(null, fd, unix.O_CLOEXEC)
	}
	w.Source.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if found := w.awaitTampering(3); !strings.Contains(found, progExit+" was detached, and is attached again") {
		t.Errorf("found %q", found)
	}
	nice()
	_ = unix.Close(null)
	_ = unix.Close(fd)
}
