//go:build cgo && linux

package ebpf

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// TestDerivedGates checks that what nobody wants costs nothing: no program is
// attached for it and no gate is open.
func TestDerivedGates(t *testing.T) {
	w := start(t)
	always := append(slices.Compact(slices.Sorted(slices.Values(w.derived.always()))), lifecyclePrograms()...)
	for _, c := range []struct {
		events   []string
		attached []string
		exit     []string // calls whose end is looked at
	}{
		{nil, nil, nil},
		{[]string{"magic_write"}, []string{progExit}, []string{"write", "pwrite64", "writev", "pwritev", "pwritev2", "copy_file_range", "sendfile", "sendfile32", "splice", "ioctl"}},
		{[]string{"mem_prot_alert"}, []string{progExit}, []string{"mmap", "mmap2", "mprotect", "pkey_mprotect"}},
		{[]string{"security_inode_rmdir", "security_inode_mkdir"}, []string{progExit}, []string{"rmdir", "unlinkat", "mkdir", "mkdirat"}},
		{[]string{"sched_process_exec"}, nil, nil},
	} {
		t.Run(strings.Join(c.events, ","), func(t *testing.T) {
			var d []msg.EventDemand
			for _, name := range c.events {
				d = append(d, msg.EventDemand{Name: name})
			}
			if missing := w.Want(d); len(missing) > 0 {
				t.Skipf("needs a kernel that serves them: %v", missing)
			}
			w.Source.mu.Lock()
			defer w.Source.mu.Unlock()
			want := append(slices.Clone(always), c.attached...)
			for _, e := range lookupAll(c.events) {
				for _, d := range w.derived.by[e.ID] {
					want = append(want, d.programs...)
				}
			}
			got := slices.Sorted(maps.Keys(w.links))
			if slices.Sort(want); !slices.Equal(got, want) {
				t.Errorf("attached: %q, want %q", got, want)
			}
			var open, none [maxCalls]uint8
			w.calls.hook(c.exit, open[:])
			for _, g := range []struct {
				what string
				gate []cByte
				want [maxCalls]uint8
			}{{"end", w.shared.m.gate[:], open}, {"beginning", w.shared.m.entry[:], none}} {
				for raw := range g.want {
					if g.want[raw] != uint8(g.gate[raw]) {
						t.Errorf("the gate at the %s of call %d is %#x, want %#x", g.what, raw, g.gate[raw], g.want[raw])
					}
				}
			}
		})
	}
}

// TestHookGates checks that where the kernel's hooks tell all of an event, no
// program looks at system calls or at what an io_uring does.
func TestHookGates(t *testing.T) {
	needs(t, kernelHooks())
	w := start(t)
	var d []msg.EventDemand
	for _, name := range []string{"security_file_open", "security_socket_create", "security_bprm_check", "security_bpf", "security_bpf_map", "security_bpf_prog"} {
		d = append(d, msg.EventDemand{Name: name})
	}
	if missing := w.Want(d); len(missing) > 0 {
		t.Fatal(missing)
	}
	w.Source.mu.Lock()
	defer w.Source.mu.Unlock()
	for name := range w.links {
		if name == progExit || name == progEnter || strings.HasPrefix(name, "on_uring_") {
			t.Errorf("%s is attached", name)
		}
	}
	for nr := range maxCalls {
		if w.shared.m.gate[nr]|w.shared.m.entry[nr] != 0 {
			t.Errorf("a gate of call %d is open", nr)
		}
	}
}

// TestRefusedProgram checks what is said where a kernel does not take a program.
func TestRefusedProgram(t *testing.T) {
	refused := map[string]bool{"on_mmap_lock": true, "on_mprotect": true, "on_mprotect_tree": true, "on_ctime": true, "on_uring_complete": true}
	d := newDerived(Backends(), func(program string) bool { return !refused[program] && hookKind(program) == "" })
	for name, want := range map[string]string{
		"mem_prot_alert": "on_mprotect", "io_uring_open": "requests",
		// These can do without.
		"security_inode_unlink": "", "security_file_open": "",
	} {
		e, ok := catalogue.Lookup(name)
		if !ok {
			t.Fatal(name)
		}
		if reason := d.refused[e.ID]; (reason == "") != (want == "") || !strings.Contains(reason, want) {
			t.Errorf("%s: %q, want one about %q", name, reason, want)
		}
		if (d.by[e.ID] == nil) != (want != "") {
			t.Errorf("%s is served by %v", name, d.by[e.ID])
		}
		for _, v := range d.by[e.ID] {
			for _, p := range v.programs {
				if refused[p] {
					t.Errorf("%s would attach %s", name, p)
				}
			}
		}
	}
}

// TestBackends checks that every event that can be had says how.
func TestBackends(t *testing.T) {
	w := start(t)
	findings.served(w.Source)
	got := w.Backends()
	for _, name := range []string{"sched_process_exec", "security_file_open", "security_bprm_check", "magic_write", "security_sb_mount"} {
		if !slices.Contains(append(Backends(), Cgroup), got[name]) {
			t.Errorf("%s: %q", name, got[name])
		}
	}
	for _, name := range []string{"openat", "hidden_inodes"} {
		if s, ok := got[name]; ok {
			t.Errorf("%s: %q", name, s)
		}
	}
}
