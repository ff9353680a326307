//go:build cgo && linux && amd64

package ebpf

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// arena keeps memory that system calls look at.
type arena struct{ kept []any }

func (a *arena) str(s string) uintptr { return a.bytes(append([]byte(s), 0)) }

func (a *arena) bytes(b []byte) uintptr {
	a.kept = append(a.kept, b)
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))
}

func (a *arena) list(items ...string) uintptr {
	p := make([]uintptr, 0, len(items)+1)
	for _, s := range items {
		p = append(p, a.str(s))
	}
	p = append(p, 0)
	a.kept = append(a.kept, p)
	return uintptr(unsafe.Pointer(unsafe.SliceData(p)))
}

// absent is the expectation that an argument could not be had.
type absent struct{}

// anything is no expectation of an argument.
type anything struct{}

func inet4(port uint16, a, b, c, d byte) []byte {
	return []byte{2, 0, byte(port >> 8), byte(port), a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0}
}

func inet6(port uint16) []byte {
	b := make([]byte, 28)
	b[0], b[2], b[3], b[23] = 10, byte(port>>8), byte(port), 1
	return b
}

// markWhich is no kind of priority, so the kernel refuses these calls.
const markWhich = 4242

// mark makes a call that tells the calls before it from those after it.
func (w *watch) mark(t *testing.T, n int) {
	t.Helper()
	if _, _, errno := syscall.RawSyscall(unix.SYS_GETPRIORITY, markWhich, uintptr(n), 0); errno != unix.EINVAL {
		t.Fatalf("marking: %v", errno)
	}
}

// betweenMarks waits for the last mark and returns the thread's events after
// each of the others.
func (w *watch) betweenMarks(tid, last int) [][]msg.Record {
	w.t.Helper()
	which := func(r msg.Record) int {
		if a, _ := r.Arg("which"); r.Name() != "getpriority" || a.Word != markWhich || r.Event.Tid != int32(tid) {
			return -1
		}
		who, _ := r.Arg("who")
		return int(who.Word)
	}
	w.event("getpriority", func(r msg.Record) bool { return which(r) == last })
	out := make([][]msg.Record, last+1)
	at := -1
	for _, r := range w.records() {
		if r.Event.Tid != int32(tid) {
			continue
		}
		if n := which(r); n >= 0 {
			at = n
		} else if at >= 0 {
			out[at] = append(out[at], r)
		}
	}
	return out
}

// compare returns what is wrong with the event's arguments, "" for nothing.
func compare(r msg.Record, want []any) string {
	var b strings.Builder
	if len(want) != r.NumArgs() {
		fmt.Fprintf(&b, " %d arguments, want %d", r.NumArgs(), len(want))
	}
	for i := range min(len(want), r.NumArgs()) {
		var got any = absent{}
		if v, ok := r.ArgAt(i); ok {
			switch k := v.Param.Kind; {
			case v.Scalar():
				got = int(v.Word)
			case k == catalogue.Strings:
				got = v.Strings()
			default:
				got = v.Text()
			}
		}
		w := want[i]
		if _, any := w.(anything); !any && fmt.Sprintf("%T%q", got, got) != fmt.Sprintf("%T%q", w, w) {
			fmt.Fprintf(&b, " %s is %#v, want %#v;", r.Type.Params[i].Name, got, w)
		}
	}
	if b.Len() == 0 {
		findings.checked(r.Name())
	}
	return b.String()
}
