//go:build cgo && linux && amd64

package ebpf

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
	"github.com/tripline/tripline/sensor/ebpf/internal/forked"
	"github.com/tripline/tripline/sensor/ebpf/internal/int80"
)

// callTables are embedded, for the tests run where the repository is not.
//
//go:embed testdata/calls/*.txt
var callTables embed.FS

// tables returns the names of the tables of calls.
func tables(t *testing.T) []string {
	t.Helper()
	paths, err := fs.Glob(callTables, "testdata/calls/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	return paths
}

// harmful are the calls that cannot be made without harm, however they are
// made, with the reason. Even reboot can: with a wrong magic number.
func harmful() map[string]string { return map[string]string{} }

// TestCallsComplete checks that the tables have every call there is.
func TestCallsComplete(t *testing.T) {
	covered := make(map[string]int)
	lines := 0
	for _, path := range tables(t) {
		for _, r := range rows(t, path) {
			covered[r.event.Name]++
			lines++
		}
	}
	known := 0
	for e := range catalogue.All() {
		if e.Class != catalogue.Syscall {
			continue
		}
		known++
		reason, excused := harmful()[e.Name]
		switch {
		case excused && covered[e.Name] > 0:
			t.Errorf("%s is made although: %s", e.Name, reason)
		case !excused && covered[e.Name] == 0:
			t.Errorf("no table has %s", e.Name)
		}
	}
	t.Logf("%d system calls in the catalogue, %d in the tables (%d lines), %d cannot be made without harm: %v",
		known, len(covered), lines, len(harmful()), harmful())
}

// tally is what a run over the tables has seen.
type tally struct {
	calls     map[string]bool // by name
	lacking   map[string]bool // the kernel answered ENOSYS
	lines     int
	arguments int
	files     int // descriptors resolved
}

// TestCalls makes every call of the tables, through each of the kernel's
// interfaces that has it, and holds each argument of its event, the result and
// the descriptor against what was done.
func TestCalls(t *testing.T) {
	needRoot(t)
	cfg := DefaultConfig()
	cfg.RingBytes = 1 << 26
	w := startWith(t, cfg)
	for _, p := range []passage{native, compat, x32} {
		t.Run(p.String(), func(t *testing.T) {
			if p == compat && int80.Call(20, 0, 0, 0, 0, 0, 0) < 0 {
				t.Skip("needs a kernel with CONFIG_IA32_EMULATION")
			}
			sum := tally{calls: make(map[string]bool), lacking: make(map[string]bool)}
			for _, path := range tables(t) {
				name := strings.TrimSuffix(filepath.Base(path), ".txt")
				t.Run(name, func(t *testing.T) { w.makeCalls(t, rows(t, path), p, &sum) })
			}
			lacking := fmt.Sprint(slices.Sorted(maps.Keys(sum.lacking)))
			if len(sum.lacking) == len(sum.calls) {
				lacking = "all of this interface, and still tells who called what"
			}
			t.Logf("%d calls in %d lines, %d arguments and %d descriptors compared; this kernel lacks %d: %s",
				len(sum.calls), sum.lines, sum.arguments, sum.files, len(sum.lacking), lacking)
		})
	}
}

// made is a call that was made and what came of it.
type made struct {
	prepared
	tid  int
	ret  int64
	file *seen
}

// makeCalls makes the calls of a table on a thread of their own.
func (w *watch) makeCalls(t *testing.T, all []row, p passage, sum *tally) {
	var demand []msg.EventDemand
	for _, name := range slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, r := range all {
			if !yield(r.event.Name) {
				return
			}
		}
	})) {
		demand = append(demand, msg.EventDemand{Name: name})
	}
	if missing := w.Want(append(demand, msg.EventDemand{Name: "getpriority"})); len(missing) > 0 {
		t.Fatalf("missing: %v", missing)
	}
	w.forget()
	defer func(outer *testing.T) { w.t = outer }(w.t)
	w.t = t
	done := make(chan bool)
	var tid int
	var calls []made
	var s *stage
	go func() {
		defer close(done)
		// Never unlocked: calls leave their traces on the thread.
		runtime.LockOSThread()
		tid = gettid()
		// What the Go runtime sends would cut calls short.
		urgent := unix.Sigset_t{Val: [16]uint64{1 << (unix.SIGURG - 1)}}
		if err := unix.PthreadSigmask(unix.SIG_BLOCK, &urgent, nil); err != nil {
			t.Error(err)
			return
		}
		s = newStage(t)
		for i := range all {
			r := &all[i]
			if p.number(r.event) < 0 || p == x32 && r.mode != "" || p == compat && r.mode == "forks" {
				continue
			}
			ready, ok := r.prepare(t, s, p)
			if !ok {
				continue
			}
			w.mark(t, len(calls))
			calls = append(calls, perform(t, ready, s, p))
		}
		w.mark(t, len(calls))
	}()
	<-done
	if t.Failed() {
		return
	}
	between := w.betweenMarks(tid, len(calls))
	for i, c := range calls {
		events := between[i]
		if c.tid != tid {
			name := c.event.Name
			w.event(name, func(r msg.Record) bool { return r.Event.Tid == int32(c.tid) })
			events = slices.DeleteFunc(w.records(), func(r msg.Record) bool { return r.Event.Tid != int32(c.tid) })
		}
		problems := ""
		found := false
		for _, r := range events {
			if r.Name() != c.event.Name {
				continue
			}
			problem := c.compare(r, s, p)
			if found = problem == ""; found {
				break
			}
			problems += problem
		}
		if !found {
			t.Errorf("%s: %s: no event says so; those there are: %s", c.at, c.row, problems)
		}
		sum.calls[c.event.Name] = true
		sum.lines++
		sum.arguments += len(c.args)
		if c.file != nil {
			sum.files++
		}
		if c.ret == -int64(unix.ENOSYS) {
			sum.lacking[c.event.Name] = true
		}
	}
}

// forget lets go of what was emitted so far.
func (w *watch) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches = nil
}

// noResult stands for the result of a call that nobody could see.
const noResult = -1 << 62

// perform makes the call.
func perform(t *testing.T, ready prepared, s *stage, p passage) made {
	t.Helper()
	m := made{prepared: ready, tid: gettid(), ret: noResult}
	nr := uintptr(p.number(ready.event))
	var a [6]uintptr
	for i, v := range ready.regs {
		a[i] = uintptr(v)
	}
	position := int(descriptor(ready.event))
	switch ready.mode {
	case "child", "killed":
		call := forked.Call
		if p == compat {
			call = forked.Call32
		}
		m.tid = call(nr, a[0], a[1], a[2], a[3], a[4], a[5])
		if m.tid < 0 {
			t.Fatalf("%s: forking: %v", ready.at, syscall.Errno(-m.tid))
		}
		if ready.mode == "killed" {
			killAsleep(t, m.tid)
		}
		reap(t, m.tid)
		return m
	case "forks":
		m.ret = int64(forked.Exit(nr, a[0], a[1], a[2], a[3], a[4], a[5]))
		if m.ret > 0 {
			reap(t, int(m.ret))
		}
	case "powerless":
		withoutPower(t, func() { m.ret = call(nr, a, p) })
	default:
		m.ret = call(nr, a, p)
	}
	if !ready.accepts(s, m.ret, p) {
		t.Errorf("%s: %s by %s ended with %s", ready.at, ready.row, p, ready.event.FormatRet(m.ret))
	}
	switch {
	case position == fileReturned && m.ret >= 0:
		m.file = fileOf(t, int(m.ret))
	case position != 0 && position != fileReturned:
		m.file = fileOf(t, int(int32(a[position-1])))
	}
	s.tidy(ready.row, m.ret)
	return m
}

func call(nr uintptr, a [6]uintptr, p passage) int64 {
	if p == compat {
		ret := int80.Call(uint32(nr), uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3]), uint32(a[4]), uint32(a[5]))
		if ret >= -4095 {
			return int64(ret)
		}
		return int64(uint32(ret)) // an address
	}
	if p == x32 {
		nr |= 0x40000000
	}
	ret, _, errno := syscall.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return -int64(errno)
	}
	return int64(ret)
}

// tidy closes what a call has opened.
func (s *stage) tidy(r *row, ret int64) {
	switch e := r.event; {
	case ret < 0:
	case slices.Contains(r.result, "fd"):
		unix.Close(int(ret))
	case e.Name == "pipe" || e.Name == "pipe2" || e.Name == "socketpair":
		pair := (*[2]int32)(unsafe.Pointer(&s.mem[s.words["pair"]-uint64(uintptr(unsafe.Pointer(&s.mem[0])))]))
		unix.Close(int(pair[0]))
		unix.Close(int(pair[1]))
	}
}

// killAsleep kills a process once it waits for something.
func killAsleep(t *testing.T, pid int) {
	t.Helper()
	for {
		stat := procText(t, pid, "stat")
		if _, state, _ := strings.Cut(stat, ") "); strings.HasPrefix(state, "S") {
			break
		}
		runtime.Gosched()
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func reap(t *testing.T, pid int) {
	t.Helper()
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			if err != nil {
				t.Fatalf("waiting for %d: %v", pid, err)
			}
			return
		}
	}
}

// withoutPower takes the thread's capabilities away while f runs.
func withoutPower(t *testing.T, f func()) {
	t.Helper()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had, none [2]unix.CapUserData
	if err := unix.Capget(&head, &had[0]); err != nil {
		t.Fatal(err)
	}
	none = had
	none[0].Effective, none[1].Effective = 0, 0
	if err := unix.Capset(&head, &none[0]); err != nil {
		t.Fatal(err)
	}
	f()
	if err := unix.Capset(&head, &had[0]); err != nil {
		t.Fatal(err)
	}
}

// seen is what a descriptor refers to as /proc and the socket calls say.
type seen struct {
	fd         int
	path, ends string
}

// fileOf looks at a descriptor; nil for none.
func fileOf(t *testing.T, fd int) *seen {
	t.Helper()
	name, err := os.Readlink(fmt.Sprintf("/proc/thread-self/fd/%d", fd))
	if err != nil {
		return nil
	}
	// Memory has no place, whatever /proc says.
	if memory, ok := strings.CutPrefix(name, "/memfd:"); ok {
		name = "memfd:" + strings.TrimSuffix(memory, " (deleted)")
	}
	f := &seen{fd: fd, path: name}
	if strings.HasPrefix(name, "socket:") {
		var local, remote string
		if sa, err := unix.Getsockname(fd); err == nil && sa != nil {
			// This is how the package writes that there is no name.
			local = strings.TrimSuffix(addressText(t, sa), "@")
		}
		if sa, err := unix.Getpeername(fd); err == nil && sa != nil {
			remote = addressText(t, sa)
		}
		f.ends = local + " " + remote
	}
	return f
}

// ends are both ends of an event's socket, "" for a file.
func ends(f *msg.File) string {
	if f.Local == nil && f.Remote == nil {
		return ""
	}
	text := func(a *msg.SocketAddress) string {
		if a == nil {
			return ""
		}
		return a.Text()
	}
	return text(f.Local) + " " + text(f.Remote)
}

// compare returns what is wrong with an event of the call, "" for nothing.
func (m *made) compare(r msg.Record, s *stage, p passage) string {
	var b strings.Builder
	for i, want := range m.want {
		got := absentText
		if v, ok := r.ArgAt(i); ok {
			got = v.Text()
			if v.Param.Kind == catalogue.Strings {
				got = fmt.Sprintf("%q", v.Strings())
			}
		}
		if got != want && !(strings.HasPrefix(m.args[i], "&") && m.ret < 0) {
			fmt.Fprintf(&b, " %s is %s, want %s;", r.Type.Params[i].Name, got, want)
		}
	}
	switch {
	case m.ret == noResult:
		if !m.accepts(s, r.Event.Ret, p) {
			fmt.Fprintf(&b, " result %s;", m.event.FormatRet(r.Event.Ret))
		}
	case r.Event.Ret != m.ret:
		fmt.Fprintf(&b, " result %d, want %d;", r.Event.Ret, m.ret)
	}
	flag := [...]msg.EventFlag{native: 0, compat: msg.EventFlag_EVENT_FLAG_COMPAT, x32: msg.EventFlag_EVENT_FLAG_X32}[p]
	for i := range m.args {
		if m.args[i] == "BAD" && r.Type.Params[i].Kind == catalogue.Strings {
			flag |= msg.EventFlag_EVENT_FLAG_TRUNCATED
		}
	}
	if got := msg.EventFlag(r.Event.Flags); got != flag {
		fmt.Fprintf(&b, " flags %v, want %v;", got, flag)
	}
	f := r.File()
	switch {
	case m.mode == "child" || m.mode == "killed":
	case (f == nil) != (m.file == nil):
		fmt.Fprintf(&b, " descriptor %v, want %v;", f, m.file)
	case f != nil && (int(f.Fd) != m.file.fd || f.Path != m.file.path):
		fmt.Fprintf(&b, " descriptor %d is %s, want %d, %s;", f.Fd, f.Path, m.file.fd, m.file.path)
	case f != nil && ends(f) != m.file.ends && m.ret != -int64(unix.ECONNREFUSED):
		// After that getsockname still tells the port that was given back.
		fmt.Fprintf(&b, " the socket's ends are %s, want %s;", ends(f), m.file.ends)
	}
	if b.Len() == 0 {
		findings.checked(r.Name())
	}
	return b.String()
}
