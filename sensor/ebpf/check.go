//go:build cgo && linux

package ebpf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	bpf "github.com/aquasecurity/libbpfgo"
)

// Check looks at what the source needs of this machine, without watching
// anything: the kernel's release, its type information, privileges, and each
// program loaded on its own. It takes about a tenth of a second a program, and
// takes over libbpf's log, which is one for the whole process: it is for a
// process that runs no source.
func Check(ctx context.Context) []Finding {
	found := []Finding{checkKernel(), checkBTF(), checkPrivilege()}
	names, err := programs()
	if err != nil {
		return append(found, Finding{Name: "programs", Detail: err.Error(), Fix: "build the binary again with `make build`"})
	}
	for _, name := range names {
		if ctx.Err() != nil {
			break
		}
		f := Finding{Name: "program " + name, OK: true, Detail: "loads"}
		if err := tryProgram(name); err != nil {
			f.OK, f.Detail = false, err.Error()
			f.Fix = "see the findings above; if those are well, report this with the kernel's release"
		}
		found = append(found, f)
	}
	return found
}

func checkKernel() Finding {
	release := kernelRelease()
	f := Finding{Name: "kernel", OK: true, Detail: release}
	if tooOld(release) {
		f.OK, f.Fix = false, "use kernel "+oldestKernel+" or later"
	}
	return f
}

func checkBTF() Finding {
	st, err := os.Stat(btfPath)
	if err != nil {
		return Finding{Name: "btf", Detail: err.Error(), Fix: "use a kernel built with CONFIG_DEBUG_INFO_BTF=y"}
	}
	return Finding{Name: "btf", OK: true, Detail: fmt.Sprintf("%s, %d KiB", btfPath, st.Size()>>10)}
}

func checkPrivilege() Finding {
	if !privileged() {
		return Finding{
			Name: "privilege", Detail: fmt.Sprintf("user %d without CAP_SYS_ADMIN, or CAP_BPF with CAP_PERFMON", os.Geteuid()),
			Fix: "run as root, or give the binary the capabilities BPF, PERFMON and SYS_RESOURCE",
		}
	}
	return Finding{Name: "privilege", OK: true, Detail: fmt.Sprintf("user %d may load programs", os.Geteuid())}
}

// programs lists the programs of the object that are for this kernel.
func programs() ([]string, error) {
	bpf.SetLoggerCbs(bpf.Callbacks{Log: func(int, string) {}})
	absent, err := absentPrograms()
	if err != nil {
		return nil, err
	}
	m, err := open(object)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	var names []string
	it := m.Iterator()
	for p := it.NextProgram(); p != nil; p = it.NextProgram() {
		if !absent[p.Name()] {
			names = append(names, p.Name())
		}
	}
	return names, nil
}

// tryProgram loads one program alone, with small rings, and lets go of it.
func tryProgram(name string) error {
	said := &libbpfLog{log: slog.New(slog.DiscardHandler)}
	bpf.SetLoggerCbs(bpf.Callbacks{Log: said.print})
	m, err := open(object)
	if err != nil {
		return err
	}
	defer m.Close()
	it := m.Iterator()
	for p := it.NextProgram(); p != nil; p = it.NextProgram() {
		if err := p.SetAutoload(p.Name() == name); err != nil {
			return err
		}
	}
	for _, ring := range []string{"events", "lifecycle"} {
		r, err := m.GetMap(ring)
		if err != nil {
			return err
		}
		if err := r.SetMaxEntries(uint32(os.Getpagesize())); err != nil {
			return err
		}
	}
	if err := m.BPFLoadObject(); err != nil {
		if reason := said.reason(); reason != "" {
			return errors.New(reason)
		}
		return err
	}
	return nil
}
