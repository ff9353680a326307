//go:build cgo && linux

package ebpf

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"unsafe"

	bpf "github.com/aquasecurity/libbpfgo"
)

// refusedProgram finds the program that a line of libbpf's is about.
var refusedProgram = regexp.MustCompile(`prog '([a-z0-9_]+)': (?:failed to|BPF program load failed)`)

// loadObject loads the programs. One that only derived events need is left out
// when the kernel does not take it, and the rest tried again.
func loadObject(cfg *Config, log *slog.Logger, said *libbpfLog) (m *bpf.Module, skipped map[string]bool, err error) {
	optional := map[string]bool{progPrepare: true}
	for _, d := range derivations() {
		for _, p := range slices.Concat(d.needs(families()), d.programs, d.oneOf) {
			optional[p] = true
			optional[alternatives()[p]] = true
		}
		for _, hook := range d.hooks {
			optional[hookProgram(Fentry, hook)], optional[hookProgram(LSM, hook)] = true, true
		}
	}
	refused, err := absentPrograms()
	if err != nil {
		return nil, nil, err
	}
	if err := tryHooks(cfg, log, said, refused); err != nil {
		return nil, nil, err
	}
	for {
		skipped = spare(cfg.Backends, refused)
		if m, err = openObject(cfg, skipped); err != nil {
			return nil, nil, err
		}
		if err = m.BPFLoadObject(); err == nil {
			return m, skipped, nil
		}
		reason := said.reason()
		m.Close()
		found := refusedProgram.FindStringSubmatch(reason)
		if found == nil || !optional[found[1]] || skipped[found[1]] {
			return nil, nil, explain(err, reason)
		}
		log.Info("this kernel does not take one of the programs", "program", found[1], "reason", reason)
		refused[found[1]] = true
		said.forget()
	}
}

// absentPrograms finds the programs for tracepoints that this kernel does not
// have: each kernel has its own ways of telling some things.
func absentPrograms() (map[string]bool, error) {
	types, err := os.ReadFile(btfPath)
	if err != nil {
		return nil, explain(err, "reading the kernel's types")
	}
	m, err := open(object)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	has := func(name string) bool { return bytes.Contains(types, []byte("\x00"+name+"\x00")) }
	active := lsmActive()
	out := make(map[string]bool)
	it := m.Iterator()
	for p := it.NextProgram(); p != nil; p = it.NextProgram() {
		kind, name, _ := strings.Cut(p.SectionName(), "/")
		prefix, ok := map[string]string{"tp_btf": "btf_trace_", "fentry": "", "fexit": "", "lsm": "bpf_lsm_"}[kind]
		r := requirements()[p.Name()]
		if ok && !has(prefix+name) || kind == LSM && !active || r.has != "" && !has(r.has) || r.lacks != "" && has(r.lacks) {
			out[p.Name()] = true
		}
	}
	return out, nil
}

// requirement is a name of the kernel's types, fields and helpers that a
// program needs to be there, or not to be there.
type requirement struct{ has, lacks string }

func requirements() map[string]requirement {
	find, tree := requirement{has: "BPF_FUNC_find_vma"}, requirement{has: "mm_rb", lacks: "BPF_FUNC_find_vma"}
	// Page faults lock single areas of memory, not all of a process's, since 6.4;
	// until 6.13 its tracepoint told the path of a control group, which took longer
	// than the call.
	lock := requirement{has: "vm_lock_seq", lacks: "__data_loc_memcg_path"}
	// Before the request had its completion entry within, the tracepoints did
	// not have the request.
	request := requirement{has: "io_cqe"}
	return map[string]requirement{
		"exit_memory": find, "exit_memory_tree": tree,
		"on_mmap_lock": lock, "on_mprotect": find, "on_mprotect_tree": tree,
		"on_uring_submit": request, "on_uring_submit_sqe": request, "on_uring_complete": request,
	}
}

func openObject(cfg *Config, skip map[string]bool) (*bpf.Module, error) {
	m, err := open(object)
	if err != nil {
		return nil, err
	}
	sizes, err := cfg.mapSizes()
	if err != nil {
		m.Close()
		return nil, err
	}
	for name, size := range sizes {
		r, err := m.GetMap(name)
		if err == nil {
			err = r.SetMaxEntries(uint32(size))
		}
		if err != nil {
			m.Close()
			return nil, err
		}
	}
	for name := range skip {
		p, err := m.GetProgram(name)
		if err == nil {
			err = p.SetAutoload(false)
		}
		if err != nil {
			m.Close()
			return nil, err
		}
	}
	return m, nil
}

// mapSizes says how many entries, for rings bytes, the maps have whose size
// depends on the configuration or the machine.
func (c *Config) mapSizes() (map[string]int, error) {
	cpus, err := bpf.NumPossibleCPUs()
	if err != nil {
		return nil, fmt.Errorf("counting the processors: %w", err)
	}
	return map[string]int{"events": c.RingBytes, "lifecycle": c.LifecycleBytes, "folds": 2 * cpus * cpuFolds}, nil
}

// hookTable is the map with the programs of the families.
const hookTable = "exit_hooks"

// fillHooks tells on_sys_exit where to pass calls on to.
func fillHooks(m *bpf.Module, skipped map[string]bool) error {
	t, err := m.GetMap(hookTable)
	if err != nil {
		return err
	}
	for h, name := range families() {
		if skipped[name] {
			name = alternatives()[name]
		}
		if name == "" || skipped[name] {
			continue
		}
		p, err := m.GetProgram(name)
		if err != nil {
			return err
		}
		key, fd := uint32(h), uint32(p.FileDescriptor())
		if err := t.Update(unsafe.Pointer(&key), unsafe.Pointer(&fd)); err != nil {
			return fmt.Errorf("entering %s into %s: %w", name, hookTable, err)
		}
	}
	return nil
}
