//go:build cgo && linux

package ebpf

import "github.com/tripline/tripline/pkg/msg/catalogue"

// derivation says what it takes to make a derived event: the system calls that
// the programs of a family look at, and programs on other tracepoints.
type derivation struct {
	event string
	hook  hook
	// exit and enter name the calls whose end and beginning are looked at.
	exit, enter []string
	// programs are attached while the event is wanted.
	programs []string
	// always are programs that are attached from the start, since their place
	// in the order of programs matters; they look at the event's gate.
	always []string
}

// hookPrograms names the programs that calls of a family are passed on to; ""
// where it does not look.
type hookPrograms struct{ exit, enter string }

func families() map[hook]hookPrograms {
	return map[hook]hookPrograms{
		hookOpen:   {exit: "exit_open"},
		hookWrite:  {exit: "exit_write"},
		hookMemory: {exit: "exit_memory", enter: "enter_memory"},
		hookExec:   {exit: "exit_exec", enter: "enter_exec"},
	}
}

func derivations() []derivation {
	protect := []string{"mprotect", "pkey_mprotect"}
	execute := []string{"execve", "execveat"}
	return []derivation{
		{event: "security_file_open", hook: hookOpen, exit: []string{"open", "creat", "openat", "openat2", "open_by_handle_at"}},
		{event: "security_bprm_check", hook: hookExec, exit: execute, enter: execute, always: []string{"on_exec_check"}},
		{event: "mem_prot_alert", hook: hookMemory, exit: append([]string{"mmap"}, protect...), enter: protect},
		{event: "magic_write", hook: hookWrite, exit: []string{"write", "pwrite64", "writev", "pwritev", "pwritev2"}},
	}
}

// needs lists the programs without which the event cannot be had.
func (d *derivation) needs(f map[hook]hookPrograms) []string {
	out := append(append([]string(nil), d.programs...), d.always...)
	if len(d.exit) > 0 {
		out = append(out, f[d.hook].exit)
	}
	if len(d.enter) > 0 {
		out = append(out, f[d.hook].enter)
	}
	return out
}

// derived is the derivations that this kernel can serve, by event.
type derived struct {
	by map[catalogue.ID]*derivation
	// refused has the reason for the others.
	refused map[catalogue.ID]string
}

// newDerived sorts the derivations out by the programs that could be loaded.
func newDerived(loaded func(program string) bool) *derived {
	d := &derived{by: make(map[catalogue.ID]*derivation), refused: make(map[catalogue.ID]string)}
	f := families()
	for _, v := range derivations() {
		e, ok := catalogue.Lookup(v.event)
		if !ok {
			continue
		}
		for _, p := range v.needs(f) {
			if !loaded(p) {
				d.refused[e.ID] = "this kernel does not take the program " + p
			}
		}
		if d.refused[e.ID] == "" {
			d.by[e.ID] = &v
		}
	}
	return d
}

// always lists the programs to attach at the start.
func (d *derived) always() []string {
	var out []string
	for _, v := range d.by {
		out = append(out, v.always...)
	}
	return out
}

// mark writes into the call table which family looks at which call.
func (d *derived) mark(s shared) {
	for _, v := range d.by {
		for _, name := range v.exit {
			if e, ok := catalogue.Lookup(name); ok {
				s.m.calls[e.ID].exit_hook = cByte(v.hook)
			}
		}
		for _, name := range v.enter {
			if e, ok := catalogue.Lookup(name); ok {
				s.m.calls[e.ID].enter_hook = cByte(v.hook)
			}
		}
	}
}

// Backends says how each event that is not a system call is served here:
// "tracepoint" for now, whatever the kernel.
func (s *Source) Backends() map[string]string {
	out := make(map[string]string)
	for e := range catalogue.All() {
		if e.Class != catalogue.Syscall && s.missing(e) == "" {
			out[e.Name] = "tracepoint"
		}
	}
	return out
}
