//go:build cgo && linux

package ebpf

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"syscall"

	bpf "github.com/aquasecurity/libbpfgo"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Check looks at what the source needs of this machine, without watching
// anything: the kernel's release, its type information, privileges, each program
// loaded on its own, and what therefore serves each event that is not a system
// call. It takes about a tenth of a second a program, and takes over libbpf's
// log, which is one for the whole process: it is for a process that runs no
// source.
func Check(ctx context.Context) []Finding {
	found := []Finding{checkKernel(), checkBTF(), checkPrivilege()}
	names, err := programs()
	if err != nil {
		return append(found, Finding{Name: "programs", Detail: err.Error(), Fix: "build the binary again with `make build`"})
	}
	t := tryPrograms(ctx, names)
	for _, kind := range slices.Sorted(maps.Keys(t.hooks)) {
		found = append(found, Finding{Name: "hooks " + kind, OK: true, Detail: "not allowed (" + t.hooks[kind] + "): other programs serve their events"})
	}
	for _, name := range names {
		if t.hooks[hookKind(name)] != "" {
			continue
		}
		f := Finding{Name: "program " + name, OK: true, Detail: "loads"}
		if reason, refused := t.refused[name]; refused {
			f.OK, f.Detail = false, reason
			f.Fix = "see the findings above; if those are well, report this with the kernel's release"
		}
		found = append(found, f)
	}
	d := newDerived(Backends(), t.loads)
	for e := range catalogue.All() {
		if reason := d.missing(e); e.Class == catalogue.Syscall || reason == noProgram {
			continue
		} else if reason != "" {
			found = append(found, Finding{Name: "event " + e.Name, OK: true, Detail: "not served: " + reason})
		} else {
			found = append(found, Finding{Name: "event " + e.Name, OK: true, Detail: "by " + d.backend(e.ID)})
		}
	}
	return found
}

// Served says what serves an event on this machine, and if nothing does, why.
// It tries the programs that the event needs; see [Check] on what that takes.
func Served(ctx context.Context, name string) (backend, reason string) {
	e, ok := catalogue.Lookup(name)
	if !ok {
		return "", "no such event in the catalogue"
	}
	if !privileged() {
		return "", "programs cannot be tried by user " + strconv.Itoa(os.Geteuid())
	}
	if e.Class == catalogue.Syscall {
		return Tracepoint, ""
	}
	names, err := programs()
	if err != nil {
		return "", err.Error()
	}
	needed := make(map[string]bool)
	f := families()
	for _, d := range derivations() {
		if d.event != name {
			continue
		}
		for _, p := range append(d.needs(f), d.programs...) {
			needed[p], needed[alternatives()[p]] = true, true
		}
		for _, hook := range d.hooks {
			needed[hookProgram(Fentry, hook)], needed[hookProgram(LSM, hook)] = true, true
		}
	}
	t := tryPrograms(ctx, slices.DeleteFunc(names, func(p string) bool { return !needed[p] }))
	d := newDerived(Backends(), t.loads)
	if reason := d.missing(e); reason != "" {
		return "", reason
	}
	return d.backend(e.ID), ""
}

// Possible lists the back-ends that serve an event on one kernel or another,
// best first; none for an event that nothing makes yet.
func Possible(name string) []string {
	e, ok := catalogue.Lookup(name)
	if !ok {
		return nil
	}
	all := func(string) bool { return true }
	none := newDerived(nil, func(p string) bool { return hookKind(p) == "" })
	if e.Class == catalogue.Syscall {
		return []string{Tracepoint}
	}
	if none.missing(e) != "" {
		return nil
	}
	var out []string
	for _, kind := range []string{Fentry, LSM} {
		if newDerived([]string{kind}, all).backend(e.ID) == kind {
			out = append(out, kind)
		}
	}
	return append(out, none.backend(e.ID))
}

// trial is which programs the kernel takes, each on its own.
type trial struct {
	loaded  map[string]bool
	refused map[string]string // with the reason
	hooks   map[string]string // kinds of hooks that are refused altogether, with the reason
}

func (t *trial) loads(program string) bool { return t.loaded[program] }

// tryPrograms tries them one by one. A kernel that does not let programs be put
// on its hooks at all is asked once.
func tryPrograms(ctx context.Context, names []string) *trial {
	t := &trial{loaded: make(map[string]bool), refused: make(map[string]string)}
	t.hooks = make(map[string]string)
	for _, name := range names {
		kind := hookKind(name)
		if reason := t.hooks[kind]; reason != "" {
			t.refused[name] = reason
			continue
		}
		if ctx.Err() != nil {
			t.refused[name] = ctx.Err().Error()
			continue
		}
		err := tryProgram(name)
		if err == nil {
			t.loaded[name] = true
			continue
		}
		t.refused[name] = err.Error()
		if kind != "" && errors.Is(err, syscall.EPERM) {
			t.hooks[kind] = syscall.EPERM.Error()
		}
	}
	return t
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
		if reason := said.reason(); reason != "" && !errors.Is(err, syscall.EPERM) {
			return errors.New(reason)
		}
		return err
	}
	return nil
}
