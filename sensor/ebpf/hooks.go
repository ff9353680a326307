//go:build cgo && linux

package ebpf

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"
)

// lsmPath lists the security modules that are active.
const lsmPath = "/sys/kernel/security/lsm"

// hookNames lists the kernel's hooks that derivations know.
func hookNames() []string {
	var out []string
	for _, d := range derivations() {
		out = append(out, d.hooks...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hookProgram names the program for a hook.
func hookProgram(kind, hook string) string { return kind + "_" + hook }

// hookKind says what kind of hook a program is for, "" for none.
func hookKind(program string) string {
	for _, kind := range []string{Fentry, LSM} {
		if strings.HasPrefix(program, kind+"_") {
			return kind
		}
	}
	return ""
}

// spare adds the hook programs that are not to be loaded: all but the first of
// the back-ends that has not been refused, for each hook.
func spare(backends []string, refused map[string]bool) map[string]bool {
	out := make(map[string]bool, len(refused))
	for p := range refused {
		out[p] = true
	}
	// What comes after the tracepoints is not tried.
	if i := slices.Index(backends, Tracepoint); i >= 0 {
		backends = backends[:i]
	}
	for _, hook := range hookNames() {
		chosen := slices.IndexFunc(backends, func(kind string) bool {
			p := hookProgram(kind, hook)
			return hasProgram(p) && !refused[p]
		})
		for _, kind := range []string{Fentry, LSM} {
			if p := hookProgram(kind, hook); hasProgram(p) && (chosen < 0 || backends[chosen] != kind) {
				out[p] = true
			}
		}
	}
	return out
}

// hasProgram says whether there is such a program: the function that puts
// credentials in force is no security hook.
func hasProgram(name string) bool { return name != hookProgram(LSM, "commit_creds") }

// lsmActive says whether programs on security hooks would be called.
func lsmActive() bool {
	b, err := os.ReadFile(lsmPath)
	return err == nil && slices.Contains(strings.Split(strings.TrimSpace(string(b)), ","), "bpf")
}

// tryHooks finds out which kinds of hooks this kernel lets programs be put on
// at all, by one small program each, and refuses the others. Some refuse them
// before they look at the program.
func tryHooks(cfg *Config, log *slog.Logger, said *libbpfLog, refused map[string]bool) error {
	for _, kind := range cfg.Backends {
		trial := hookProgram(kind, "capable")
		if kind == Tracepoint || refused[trial] {
			continue
		}
		m, err := open(object)
		if err != nil {
			return err
		}
		it := m.Iterator()
		for p := it.NextProgram(); p != nil; p = it.NextProgram() {
			if err := p.SetAutoload(p.Name() == trial); err != nil {
				m.Close()
				return err
			}
		}
		err = m.BPFLoadObject()
		m.Close()
		if errors.Is(err, syscall.EPERM) {
			log.Debug("this kernel lets no programs be put on its hooks", "kind", kind, "error", err)
			for _, hook := range hookNames() {
				if p := hookProgram(kind, hook); hasProgram(p) {
					refused[p] = true
				}
			}
		}
		said.forget()
	}
	return nil
}

// serve picks what serves an event: the derivation with the programs on hooks
// that are loaded, or as it is.
func (v derivation) serve(backends []string, loaded func(program string) bool) derivation {
	for _, kind := range backends {
		if kind == Tracepoint || len(v.hooks) == 0 {
			break
		}
		var programs []string
		for _, hook := range v.hooks {
			if p := hookProgram(kind, hook); hasProgram(p) && loaded(p) {
				programs = append(programs, p)
			}
		}
		if len(programs) != len(v.hooks) {
			continue
		}
		v.by, v.programs, v.required, v.oneOf = kind, programs, programs, nil
		if v.hookOnly {
			v.exit, v.calls = nil, v.exit
		}
		return v
	}
	if v.by == "" {
		v.by = Tracepoint
	}
	return v
}
