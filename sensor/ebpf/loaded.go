//go:build cgo && linux

package ebpf

import (
	"fmt"
	"log/slog"
	"syscall"

	bpf "github.com/aquasecurity/libbpfgo"
)

// loaded is the programs in the kernel, and the memory that they share with
// the source.
type loaded struct {
	module *bpf.Module
	// skipped are the programs that this kernel does not take.
	skipped           map[string]bool
	mem               []byte // struct tl_shared
	events, lifecycle *ring
	// kept are attached though nobody needs them, see attachOnce.
	kept  map[string]*bpf.BPFLink
	folds *folds
}

// load brings the programs into the kernel; none is attached.
func load(cfg *Config, log *slog.Logger) (*loaded, error) {
	said := &libbpfLog{log: log}
	bpf.SetLoggerCbs(bpf.Callbacks{Log: said.print})
	l := &loaded{kept: make(map[string]*bpf.BPFLink)}
	var err error
	if l.module, l.skipped, err = loadObject(cfg, log, said); err != nil {
		return nil, err
	}
	if err = l.share(cfg); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *loaded) share(cfg *Config) (err error) {
	if l.mem, err = mapShared(l.module); err != nil {
		return err
	}
	if err = fillHooks(l.module, l.skipped); err != nil {
		return err
	}
	if l.folds, err = mapFolds(l.module, sharedAt(l.mem)); err != nil {
		return err
	}
	if l.events, err = mapRing(l.module, "events", cfg.RingBytes); err != nil {
		return err
	}
	l.lifecycle, err = mapRing(l.module, "lifecycle", cfg.LifecycleBytes)
	return err
}

// renew makes what a source has left behind as good as new.
func (l *loaded) renew() {
	clear(l.mem)
	for _, r := range []*ring{l.events, l.lifecycle} {
		r.pos = r.end()
		r.release()
	}
	l.folds.forget()
}

func (l *loaded) close() {
	for _, link := range l.kept {
		_ = link.Destroy()
	}
	for _, r := range []*ring{l.events, l.lifecycle} {
		if r != nil {
			r.close()
		}
	}
	if l.folds != nil {
		l.folds.close()
	}
	if l.mem != nil {
		_ = syscall.Munmap(l.mem)
	}
	l.module.Close()
}

func mapShared(m *bpf.Module) ([]byte, error) {
	t, err := m.GetMap(".data.shared")
	if err != nil {
		return nil, err
	}
	mem, err := syscall.Mmap(t.FileDescriptor(), 0, sharedSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the programs' tables: %w", err)
	}
	return mem, nil
}

func mapRing(m *bpf.Module, name string, size int) (*ring, error) {
	t, err := m.GetMap(name)
	if err != nil {
		return nil, err
	}
	return openRing(t.FileDescriptor(), size)
}
