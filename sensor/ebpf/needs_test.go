//go:build cgo && linux

package ebpf

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// feature is something of a kernel that a test is about.
type feature struct {
	name string
	// since is the first version of Linux that has it, "" for all; a kernel that
	// is older need not be asked.
	since string
	// has asks this kernel, where it may be configured away; nil for no need.
	has func() error
}

// needs leaves a test out on a kernel that cannot do what it is about. What it
// says is what docs/kernels.md says.
func needs(t testing.TB, f feature) {
	t.Helper()
	if f.since != "" && olderThan(kernelRelease(), f.since) {
		t.Skipf("needs %s, since Linux %s", f.name, f.since)
	}
	if f.has == nil {
		return
	}
	if err := f.has(); err != nil {
		t.Skipf("needs %s: %v", f.name, err)
	}
}

// olderThan compares releases by their first two numbers.
func olderThan(release, version string) bool {
	parse := func(s string) int {
		var major, minor int
		_, _ = fmt.Sscanf(s, "%d.%d", &major, &minor)
		return major<<16 | minor
	}
	return parse(release) < parse(version)
}

func requestTracepoints() feature {
	return feature{name: "tracepoints that lead to the io_uring's request", since: "5.19"}
}

var kernelTypes = sync.OnceValue(func() []byte {
	b, _ := os.ReadFile(btfPath)
	return b
})

// kernelHas says whether a type, a function or a field of this name is in the
// kernel's types.
func kernelHas(name string) bool { return bytes.Contains(kernelTypes(), []byte("\x00"+name+"\x00")) }

// kernelHooks are functions of the kernel's that programs can be put on.
func kernelHooks() feature {
	return feature{name: "a kernel that lets programs be put on its functions", has: func() error {
		l, err := programsOfTests()
		if err != nil {
			return err
		}
		if l.skipped[hookProgram(Fentry, "capable")] {
			return errors.New("this one refuses them")
		}
		return nil
	}}
}

func bpfLSM() feature {
	return feature{name: "the BPF LSM", has: func() error {
		if !lsmActive() {
			return errors.New(lsmPath + " does not name it")
		}
		return nil
	}}
}

func capableHook() feature {
	return feature{name: "a kernel that tells which capabilities are asked for", has: func() error {
		if kernelHas("btf_trace_cap_capable") {
			return nil
		}
		return kernelHooks().has()
	}}
}

// uringNames are operations of io_uring on names.
func uringNames(since string) feature {
	return feature{name: "this operation of io_uring", since: since}
}
