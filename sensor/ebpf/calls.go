//go:build cgo && linux

package ebpf

import (
	"runtime"
	"strings"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Calls whose arguments are gone when they return, and calls that do not
// return: both are looked at before.
func callFlags(name string) (flags cUint) {
	switch name {
	case "execve", "execveat":
		return callSave
	case "exit", "exit_group", "rt_sigreturn", "sigreturn":
		return callEntry
	}
	return 0
}

// filledByKernel names the arguments that a call fills, which are there only
// after it succeeded. True means that the return value is their length.
func filledByKernel() map[string]map[string]bool {
	return map[string]map[string]bool{
		"recvfrom":    {"src_addr": false},
		"accept":      {"addr": false},
		"accept4":     {"addr": false},
		"getsockname": {"addr": false},
		"getpeername": {"addr": false},
	}
}

// callNumber is one way to make a system call: a raw number and the gate bit of
// the interface that it belongs to.
type callNumber struct {
	raw  int
	gate uint8
}

// callTable knows under which numbers this machine makes each system call.
type callTable struct {
	numbers map[catalogue.ID][]callNumber
	before  map[catalogue.ID]string // the program that it needs before its end, "" for none
}

// newCallTable fills the tables that the programs use, in memory that they do
// not look at yet or that is not gated yet. With prepare there is a program for
// the last moment before execve, else there is one for the beginning of all calls.
func newCallTable(s shared, files, prepare bool) *callTable {
	filled := filledByKernel()
	t := &callTable{numbers: make(map[catalogue.ID][]callNumber), before: make(map[catalogue.ID]string)}
	for e := range catalogue.All() {
		if e.Class != catalogue.Syscall || e.ID >= maxCalls {
			continue
		}
		add := func(raw int, gate uint8) {
			if raw >= 0 && raw < maxCalls {
				t.numbers[e.ID] = append(t.numbers[e.ID], callNumber{raw, gate})
			}
		}
		if runtime.GOARCH == "arm64" {
			add(e.NrArm64, gateNative)
		} else {
			add(e.NrX86, gateNative)
			add(e.NrX32, gateX32)
			add(e.NrI386, gateCompat)
		}
		c := describe(e, filled[e.Name])
		if f := descriptor(e); f != 0 && files && c.flags&(callSave|callEntry) == 0 {
			c.file = f
			c.flags |= callVariable
		}
		if dirs := directories(e); files && c.flags&(callSave|callEntry) == 0 && len(dirs) > 0 {
			for n, i := range dirs {
				c.dirs[n] = cByte(i + 1)
			}
			c.flags |= callVariable
		}
		s.m.calls[e.ID] = c
		switch f := callFlags(e.Name); {
		case f == callSave && prepare:
			t.before[e.ID] = progPrepare
		case f != 0:
			t.before[e.ID] = progEnter
		}
	}
	for id, numbers := range t.numbers {
		for _, n := range numbers {
			// The numbers of x32's own calls lie beyond those of i386.
			if n.gate == gateCompat || n.raw >= 512 && n.gate == gateX32 {
				s.m.compat[n.raw] = cShort(id)
			} else {
				s.m.native[n.raw] = cShort(id)
			}
		}
	}
	return t
}

// hook opens the gates for what is derived from the named calls.
func (t *callTable) hook(calls []string, gate []uint8) {
	for _, e := range lookupAll(calls) {
		for _, n := range t.numbers[e.ID] {
			gate[n.raw] |= n.gate * gateHook
		}
	}
}

// descriptor says which descriptor a call is about, in the way of
// tl_call.file; 0 for none. One that is closed is gone when the call ends.
func descriptor(e *catalogue.Event) cByte {
	if e.Ret == catalogue.FD {
		return fileReturned
	}
	for i := range e.Params {
		if p := &e.Params[i]; i < maxArgs && p.Kind == catalogue.FD && (p.Name == "fd" || p.Name == "sockfd") && e.Name != "close" {
			return cByte(i + 1)
		}
	}
	return 0
}

// maxDirs is how many directories of a call are carried.
const maxDirs = 2

// directories lists the arguments of a call that may be descriptors of
// directories, beside the one that it is about: where names begin, and what is
// duplicated.
func directories(e *catalogue.Event) []int {
	if e.Class != catalogue.Syscall {
		return nil
	}
	var out []int
	for i := range min(len(e.Params), maxArgs) {
		p := &e.Params[i]
		if p.Kind == catalogue.FD && len(out) < maxDirs && (strings.HasSuffix(p.Name, "dirfd") || strings.HasSuffix(p.Name, "dfd") || p.Name == "oldfd") && p.Name != "pidfd" {
			out = append(out, i)
		}
	}
	return out
}

// describe says what the arguments of a call point to.
func describe(e *catalogue.Event, filled map[string]bool) callPlan {
	var c callPlan
	for i := range e.Params {
		if i == maxArgs {
			break
		}
		p, a := &e.Params[i], &c.args[i]
		switch p.Kind {
		case catalogue.String, catalogue.Path:
			a.kind = argString
		case catalogue.Strings:
			a.kind = argStrings
		case catalogue.Bytes:
			a.kind = argBytes
		case catalogue.SockAddr:
			a.kind = argAddress
		default:
			continue
		}
		c.flags |= callVariable
		if i+1 < min(len(e.Params), maxArgs) && (a.kind == argBytes || a.kind == argAddress) {
			// In every call of Linux's the length follows the buffer.
			a.length = cByte(i + 2)
			if strings.Contains(e.Params[i+1].Type, "*") {
				a.flags |= argLengthPointer
			}
		}
		if bound, ok := filled[p.Name]; ok {
			a.flags |= argOutput
			if bound && a.kind == argBytes {
				a.flags |= argBoundByReturn
			}
		}
	}
	c.flags |= callFlags(e.Name)
	c.split = cUint(e.Split32)
	return c
}
