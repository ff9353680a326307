package catalogue_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func TestEvents(t *testing.T) {
	names := map[string]catalogue.ID{}
	var last catalogue.ID
	count := 0
	for e := range catalogue.All() {
		count++
		if count > 1 && e.ID <= last {
			t.Errorf("%s: id %d does not follow %d", e.Name, e.ID, last)
		}
		last = e.ID
		if other, ok := names[e.Name]; ok {
			t.Errorf("ids %d and %d are both %s", other, e.ID, e.Name)
		}
		names[e.Name] = e.ID
		if catalogue.ByID(e.ID) != e {
			t.Errorf("ByID(%d) is not %s", e.ID, e.Name)
		}
		if found, ok := catalogue.Lookup(e.Name); !ok || found != e {
			t.Errorf("Lookup(%q) does not find it", e.Name)
		}
		if e.Doc == "" || !strings.HasSuffix(e.Doc, ".") {
			t.Errorf("%s: %q is not a sentence", e.Name, e.Doc)
		}
		if (e.Class == catalogue.Syscall) != e.InSet("syscalls") {
			t.Errorf("%s is of class %s and in sets %v", e.Name, e.Class, e.Sets)
		}
		if e.Class == catalogue.Syscall && len(e.Params) > 6 {
			t.Errorf("%s has %d arguments, a system call has six at most", e.Name, len(e.Params))
		}
		for i, p := range e.Params {
			if e.Param(p.Name) != i {
				t.Errorf("%s: Param(%q) is %d, not %d", e.Name, p.Name, e.Param(p.Name), i)
			}
			named := p.Kind == catalogue.Flags || p.Kind == catalogue.Enum || p.Kind == catalogue.Signal
			if named != (p.Values != nil) || named && p.Values.Bits != (p.Kind == catalogue.Flags) {
				t.Errorf("%s: %s is %s with values %v", e.Name, p.Name, p.Kind, p.Values)
			}
		}
	}
	if last != catalogue.MaxID()-1 {
		t.Errorf("the last id is %d, MaxID %d", last, catalogue.MaxID())
	}
	// What Tracee 0.7 lists.
	if count <= 484 {
		t.Errorf("only %d events", count)
	}
}

func TestUnknown(t *testing.T) {
	for _, id := range []catalogue.ID{599, 999, catalogue.MaxID(), 1 << 31, ^catalogue.ID(0)} {
		if e := catalogue.ByID(id); e != nil {
			t.Errorf("ByID(%d) is %s", id, e.Name)
		}
	}
	if e, ok := catalogue.Lookup("openit"); ok {
		t.Errorf("Lookup found %s", e.Name)
	}
	if _, ok := catalogue.LookupValues("nothing"); ok {
		t.Error("LookupValues found nothing")
	}
	e, _ := catalogue.Lookup("openat")
	if i := e.Param("filename"); i != -1 {
		t.Errorf("openat has an argument filename at %d", i)
	}
}

// TestNamesOfUsers holds the names that rules in the field ask for.
func TestNamesOfUsers(t *testing.T) {
	for _, c := range []struct{ event, args string }{
		{"ptrace", "request pid addr data"},
		{"openat", "dirfd pathname flags mode"},
		{"execve", "pathname argv envp"},
		{"connect", "sockfd addr addrlen"},
		{"process_vm_writev", "pid local_iov liovcnt remote_iov riovcnt flags"},
		{"init_module", "module_image len param_values"},
		{"dup", "oldfd"},
		{"dup2", "oldfd newfd"},
		{"dup3", "oldfd newfd flags"},
		{"close", "fd"},
		{"security_file_open", "pathname flags dev inode ctime syscall_pathname"},
		{"security_socket_connect", "sockfd remote_addr"},
		{"security_sb_mount", "dev_name path type flags"},
		{"security_bprm_check", "pathname dev inode argv"},
		{"security_kernel_read_file", "pathname dev inode type"},
		{"mem_prot_alert", "alert addr len prot prev_prot"},
		{"magic_write", "pathname bytes dev inode"},
		{"sched_process_exec", "cmdpath pathname dev inode ctime inode_mode interp stdin_type argv env"},
		{"sched_process_exit", "exit_code process_group_exit"},
		{"sched_process_fork", "parent_tid parent_ns_tid parent_pid parent_ns_pid child_tid child_ns_tid child_pid child_ns_pid start_time"},
		{"cgroup_attach_task", "cgroup_id cgroup_path hierarchy_id comm pid"},
	} {
		t.Run(c.event, func(t *testing.T) {
			e, ok := catalogue.Lookup(c.event)
			if !ok {
				t.Fatal("is not in the catalogue")
			}
			var names []string
			for _, p := range e.Params {
				names = append(names, p.Name)
			}
			if got := strings.Join(names, " ") + " "; !strings.HasPrefix(got, c.args+" ") {
				t.Errorf("arguments are %s", got)
			}
		})
	}
}

// TestWord32 holds how 32-bit calls map to the events: by what their arguments
// mean, not by their name in the header.
func TestWord32(t *testing.T) {
	for _, c := range []struct {
		event string
		i386  int
	}{
		{"open", 5},
		{"execve", 11},
		{"ptrace", 26},
		{"getuid", 199},
		{"getuid16", 24},
		{"select", 142},
		{"old_select", 82},
		{"mmap", -1},
		{"old_mmap", 90},
		{"mmap2", 192},
		{"clock_gettime", 403},
		{"clock_gettime32", 265},
		{"sendfile", 239},
		{"umount2", 52},
		{"umount", 22},
		{"newfstatat", 300},
		{"accept", -1},
		{"socketcall", 102},
		{"openat2", 437},
	} {
		e, ok := catalogue.Lookup(c.event)
		if !ok || e.NrI386 != c.i386 {
			t.Errorf("%s: i386 number %d, not %d (%v)", c.event, e.NrI386, c.i386, ok)
		}
	}
	e, _ := catalogue.Lookup("fanotify_mark")
	if want := uint64(1) << e.Param("mask"); e.Split32 != want {
		t.Errorf("fanotify_mark: Split32 %b, not %b", e.Split32, want)
	}
}

func TestSets(t *testing.T) {
	sets := catalogue.Sets()
	if !slices.IsSorted(sets) {
		t.Errorf("sets are not sorted: %v", sets)
	}
	for _, want := range []string{"default", "syscalls", "fs", "proc", "net", "signals", "ipc", "time", "system", "lsm_hooks", "containers"} {
		n := 0
		for e := range catalogue.Set(want) {
			if !e.InSet(want) {
				t.Errorf("%s is not in %s", e.Name, want)
			}
			n++
		}
		if n == 0 || !slices.Contains(sets, want) {
			t.Errorf("no event is in set %s", want)
		}
	}
	for e := range catalogue.Set("nothing") {
		t.Errorf("%s is in a set that does not exist", e.Name)
	}
	// A loop over a set may stop early.
	for range catalogue.Set("fs") {
		break
	}
}

func TestRet(t *testing.T) {
	for _, c := range []struct {
		event string
		ret   int64
		want  string
	}{
		{"openat", 3, "3"},
		{"openat", -2, "-ENOENT"},
		{"openat", -512, "-ERESTARTSYS"},
		{"openat", -4095, "-4095"},
		{"openat", -4096, "-4096"},
		{"mmap", 0x7f0000001000, "0x7f0000001000"},
		{"mmap", -12, "-ENOMEM"},
		{"mmap", -8192, "0xffffffffffffe000"},
		{"umask", 0o22, "022"},
		{"getpid", 1, "1"},
	} {
		e, _ := catalogue.Lookup(c.event)
		if got := e.FormatRet(c.ret); got != c.want {
			t.Errorf("%s: %d is %q, not %q", c.event, c.ret, got, c.want)
		}
	}
	for n, want := range map[int]string{0: "", -1: "", 1: "EPERM", 11: "EAGAIN", 133: "EHWPOISON", 41: "", 1000: ""} {
		if got := catalogue.Errno(n); got != want {
			t.Errorf("Errno(%d) is %q, not %q", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "", 9: "SIGKILL", 31: "SIGSYS", 64: ""} {
		if got := catalogue.SignalName(n); got != want {
			t.Errorf("SignalName(%d) is %q, not %q", n, got, want)
		}
	}
}

func TestOpenFlagsFromArm64(t *testing.T) {
	open, _ := catalogue.LookupValues("open")
	for raw, want := range map[uint64]string{
		0:                    "O_RDONLY",
		1 | 0o100:            "O_WRONLY|O_CREAT",
		0o40000:              "O_RDONLY|O_DIRECTORY",
		0o100000 | 0o2000000: "O_RDONLY|O_NOFOLLOW|O_CLOEXEC",
		0o200000:             "O_RDONLY|O_DIRECT",
		0o400000:             "O_RDONLY|O_LARGEFILE",
		0o20040000 | 2:       "O_RDWR|O_TMPFILE",
	} {
		if got := open.Format(catalogue.OpenFlagsFromArm64(raw)); got != want {
			t.Errorf("%#o is %s, not %s", raw, got, want)
		}
	}
}

func BenchmarkByID(b *testing.B) {
	b.RunParallel(func(pb *testing.PB) {
		id := catalogue.ID(0)
		for pb.Next() {
			if e := catalogue.ByID(id % 1024); e != nil && e.ID == 5000 {
				b.Error("impossible")
			}
			id++
		}
	})
}

func BenchmarkFormatFlags(b *testing.B) {
	open, _ := catalogue.LookupValues("open")
	for b.Loop() {
		open.Format(0o2000000 | 1 | 0o100)
	}
}
