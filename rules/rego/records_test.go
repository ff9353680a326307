package rego_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher"
	engine "github.com/tripline/tripline/matcher/rego"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// scene is an event as a test tells of it.
type scene struct {
	event string
	args  map[string]any // number, name of a flag or value, text, texts, bytes or address
	comm  string
	exe   string
	host  bool // not in a container
}

func (s scene) make(t *testing.T, serial uint64) *matcher.Event {
	t.Helper()
	typ, ok := catalogue.Lookup(s.event)
	if !ok {
		t.Fatalf("no event %s in the catalogue", s.event)
	}
	for name := range s.args {
		if typ.Param(name) < 0 {
			t.Fatalf("%s has no argument %s", s.event, name)
		}
	}
	var b msg.Builder
	p := &msg.Process{Pid: 4242, NsPid: 17, Comm: s.comm}
	if s.exe != "" {
		p.Exe = &msg.Executable{Path: s.exe}
	}
	origin := matcher.HostOrigin
	if !s.host {
		p.Container = b.Container(&msg.Container{Id: "e87a8eb8d6a7"})
		origin = matcher.ContainerOrigin
	}
	e := &msg.Event{Type: uint32(typ.ID), Process: b.Process(p), Tid: 4242, Comm: uint32(b.String(s.comm))}
	for i := range typ.Params {
		v, given := s.args[typ.Params[i].Name]
		if !given {
			e.Absent |= 1 << uint(i)
		}
		e.Args = append(e.Args, word(t, &b, &typ.Params[i], v))
	}
	b.Event(e)
	return &matcher.Event{Record: b.Take().Record(0), Origin: origin, Serial: serial}
}

func word(t *testing.T, b *msg.Builder, p *catalogue.Param, v any) int64 {
	t.Helper()
	switch x := v.(type) {
	case nil:
		return 0
	case int:
		return int64(x)
	case []string:
		return b.List(&msg.StringList{Items: x})
	case []byte:
		return b.Bytes(x)
	case *msg.SocketAddress:
		return b.Address(x)
	case string:
		if p.Values == nil {
			return b.String(x)
		}
		var n uint64
		for _, name := range strings.Split(x, "|") {
			found := false
			for _, known := range p.Values.List {
				if known.Name == name {
					n, found = n|known.Num, true
				}
			}
			if !found {
				t.Fatalf("%s has no value %s", p.Name, name)
			}
		}
		return int64(n)
	}
	t.Fatalf("%s: value of type %T", p.Name, v)
	return 0
}

// TestRecords feeds real records to all rules at once: exactly the named rules
// must find something, with the named data.
func TestRecords(t *testing.T) {
	type found map[string]map[string]any
	type args = map[string]any
	open := func(path, flags, comm string) scene {
		return scene{event: "security_file_open", args: args{"pathname": path, "flags": flags}, comm: comm}
	}
	exec := func(path string, env ...string) scene {
		return scene{event: "execve", args: args{"pathname": path, "argv": []string{path}, "envp": env}, comm: "sh"}
	}
	onHost := func(s scene) scene { s.host = true; return s }
	const token = "/run/secrets/kubernetes.io/serviceaccount/token"
	cases := []struct {
		name string
		scene
		want found
	}{
		{"strace", scene{event: "ptrace", args: args{"request": "PTRACE_TRACEME"}, comm: "strace"}, found{"TRC-2": nil}},
		{"debugger looks", scene{event: "ptrace", args: args{"request": "PTRACE_PEEKTEXT", "pid": 3}, comm: "gdb"}, nil},
		{"debugger writes", scene{event: "ptrace", args: args{"request": "PTRACE_POKETEXT", "pid": 3}, comm: "gdb"}, found{"TRC-3": nil}},
		{"mem written", open("/proc/23/mem", "O_WRONLY|O_CREAT", "vim"), found{"TRC-3": {"file flags": "O_WRONLY|O_CREAT", "file path": "/proc/23/mem"}}},
		{"mem read", open("/proc/23/mem", "O_RDONLY", "vim"), found{"TRC-1023": {"file path": "/proc/23/mem"}}},
		{"own mem read", open("/proc/17/mem", "O_RDONLY", "vim"), nil},
		{"another's memory", scene{event: "process_vm_writev", args: args{"pid": 99}, comm: "x"}, found{"TRC-3": nil}},
		{"one's own memory", scene{event: "process_vm_writev", args: args{"pid": 17}, comm: "x"}, nil},
		{"unpacked", scene{event: "mem_prot_alert", args: args{"alert": "Protection changed from W+E to E!"}}, found{"TRC-4": nil}},
		{"made executable", scene{event: "mem_prot_alert", args: args{"alert": "Protection changed to Executable!"}}, nil},
		{"run from memory", scene{event: "sched_process_exec", args: args{"pathname": "memfd:x"}}, found{"TRC-5": {"file path": "memfd:x"}}},
		{"runc", onHost(scene{event: "sched_process_exec", args: args{"pathname": "memfd:runc_cloned:/proc/self/exe"}}), nil},
		{"run from a file", scene{event: "sched_process_exec", args: args{"pathname": "/bin/ls"}}, nil},
		{"module from memory", onHost(scene{event: "init_module", args: args{"len": 4096}, comm: "insmod"}), found{"TRC-6": nil}},
		{"module from a file", scene{event: "security_kernel_read_file", args: args{"pathname": "/x.ko", "type": "kernel-module"}}, found{"TRC-6": {"pathname": "/x.ko"}}},
		{"firmware", scene{event: "security_kernel_read_file", args: args{"pathname": "/x.fw", "type": "firmware"}}, nil},
		{"preload", exec("/bin/ls", "A=1", "LD_PRELOAD=/x.so"), found{"TRC-7": {"variables": []any{"LD_PRELOAD=/x.so"}}}},
		{"no preload", exec("/bin/ls", "PATH=/bin"), nil},
		{"preload list", onHost(open("/etc/ld.so.preload", "O_RDWR", "sh")), found{"TRC-7": {"file path": "/etc/ld.so.preload"}}},
		{"preload list read", open("/etc/ld.so.preload", "O_RDONLY", "ls"), nil},
		{"token", open(token, "O_RDONLY", "curl"), found{"TRC-8": {"file path": token}}},
		{"token, Kubernetes", open(token, "O_RDONLY", "kube-proxy"), nil},
		{"token, host", onHost(open(token, "O_RDONLY", "curl")), nil},
		{"program written", scene{event: "magic_write", args: args{"pathname": "/tmp/x", "bytes": []byte("\x7fELF\x02")}}, found{"TRC-9": {"file path": "/tmp/x"}}},
		{"script written", scene{event: "magic_write", args: args{"pathname": "/tmp/x", "bytes": []byte("#!/bin/sh")}}, nil},
		{"program written, host", onHost(scene{event: "magic_write", args: args{"pathname": "/tmp/x", "bytes": []byte("\x7fELF\x02")}}), nil},
		{"key", onHost(open("/etc/kubernetes/pki/ca.key", "O_RDONLY", "cat")), found{"TRC-10": {"file path": "/etc/kubernetes/pki/ca.key"}}},
		{"key, Kubernetes", onHost(open("/etc/kubernetes/pki/ca.key", "O_RDONLY", "etcd")), nil},
		{"device mounted", scene{event: "security_sb_mount", args: args{"dev_name": "/dev/sda1", "path": "/mnt"}}, found{"TRC-11": {"mounted device": "/dev/sda1"}}},
		{"device mounted, host", onHost(scene{event: "security_sb_mount", args: args{"dev_name": "/dev/sda1", "path": "/mnt"}}), nil},
		{"tmpfs mounted", scene{event: "security_sb_mount", args: args{"dev_name": "tmpfs", "path": "/mnt"}}, nil},
		{"web shell", scene{event: "security_bprm_check", args: args{"pathname": "/bin/sh"}, comm: "nginx"}, found{"TRC-12": {"file path": "/bin/sh"}}},
		{"web program", scene{event: "security_bprm_check", args: args{"pathname": "/usr/bin/convert"}, comm: "nginx"}, nil},
		{"shell", scene{event: "security_bprm_check", args: args{"pathname": "/bin/sh"}, comm: "sshd"}, nil},
		{"release agent", open("/sys/fs/cgroup/rdma/release_agent", "O_WRONLY", "sh"), found{"TRC-14": {"file flags": "O_WRONLY", "file path": "/sys/fs/cgroup/rdma/release_agent"}}},
		{"notify on release", open("/sys/fs/cgroup/rdma/notify_on_release", "O_WRONLY", "sh"), found{"TRC-106": {"file path": "/sys/fs/cgroup/rdma/notify_on_release"}}},
		{"notify on release, host", onHost(open("/sys/fs/cgroup/rdma/notify_on_release", "O_WRONLY", "sh")), nil},
		{"randomisation", open("/proc/sys/kernel/randomize_va_space", "O_RDONLY", "sh"), found{"TRC-109": nil}},
		{"core pattern", open("/proc/sys/kernel/core_pattern", "O_WRONLY", "sh"), found{"TRC-1011": {"file path": "/proc/sys/kernel/core_pattern"}}},
		{"loader", open("/lib64/ld-linux-x86-64.so.2", "O_RDWR", "sh"), found{"TRC-1012": {"file path": "/lib64/ld-linux-x86-64.so.2"}}},
		{"loader read", open("/lib64/ld-linux-x86-64.so.2", "O_RDONLY", "sh"), nil},
		{"hidden program", onHost(scene{event: "magic_write", args: args{"pathname": "/tmp/.x", "bytes": []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00>\x00")}}), found{"TRC-1015": {"file path": "/tmp/.x"}}},
		{"hidden object", onHost(scene{event: "magic_write", args: args{"pathname": "/tmp/.x", "bytes": []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00>\x00")}}), nil},
		{"engine", scene{event: "security_socket_connect", args: args{"sockfd": 3, "remote_addr": &msg.SocketAddress{Family: 1, Path: "/var/run/docker.sock"}}}, found{"TRC-1019": {"socket": "/var/run/docker.sock"}}},
		{"engine, host", onHost(scene{event: "security_socket_connect", args: args{"sockfd": 3, "remote_addr": &msg.SocketAddress{Family: 1, Path: "/var/run/docker.sock"}}}), nil},
		{"kcore", open("/proc/kcore", "O_RDONLY", "gdb"), found{"TRC-1021": {"file path": "/proc/kcore"}}},
		{"start-up script", open("/etc/rc.local", "O_WRONLY", "sh"), found{"TRC-1026": {"file path": "/etc/rc.local"}}},
		{"start-up script enabled", scene{event: "sched_process_exec", args: args{"pathname": "/usr/sbin/update-rc.d"}}, found{"TRC-1026": {"file path": "/usr/sbin/update-rc.d"}}},
		{"scheduled task", scene{event: "security_inode_rename", args: args{"old_path": "/tmp/x", "new_path": "/etc/cron.d/x"}}, found{"TRC-1027": {"file path": "/etc/cron.d/x"}}},
		{"scheduled task of a package", scene{event: "security_inode_rename", args: args{"old_path": "/etc/cron.d/x.dpkg-new", "new_path": "/etc/cron.d/x"}, exe: "/usr/bin/dpkg"}, nil},
		{"sudo", scene{event: "security_inode_symlink", args: args{"linkpath": "/etc/sudoers.d/x", "target": "/tmp/x"}}, found{"TRC-1028": {"file path": "/etc/sudoers.d/x"}}},
		{"scheduler", open("/sys/kernel/debug/sched/debug", "O_RDONLY", "cat"), found{"TRC-1029": {"file path": "/sys/kernel/debug/sched/debug"}}},
		{"system request", open("/proc/sysrq-trigger", "O_WRONLY", "sh"), found{"TRC-1031": {"file path": "/proc/sysrq-trigger"}}},
		{"registers", scene{event: "ptrace", args: args{"request": "PTRACE_SETREGS", "pid": 3}, comm: "x"}, found{"TRL-2": {"request": "PTRACE_SETREGS", "pid": int64(3)}}},
		{"kernel's program", open("/proc/sys/kernel/modprobe", "O_WRONLY", "sh"), found{"TRL-3": {"file path": "/proc/sys/kernel/modprobe"}}},
		{"kernel's program, systemd", func() scene {
			s := onHost(open("/proc/sys/fs/binfmt_misc/register", "O_WRONLY", "systemd-binfmt"))
			s.exe = "/usr/lib/systemd/systemd-binfmt"
			return s
		}(), nil},
		{"release agent read", open("/sys/fs/cgroup/rdma/release_agent", "O_RDONLY", "sh"), nil},
	}

	p, problems := engine.New(engine.DefaultConfig(), slog.New(slog.DiscardHandler)).Load(ruleFiles(t))
	for _, x := range problems {
		t.Error(x.Error())
	}
	w, err := p.NewWorker()
	if err != nil {
		t.Fatal(err)
	}
	fired := map[string]bool{}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ev := c.make(t, uint64(i))
			got := found{}
			for i, r := range p.Rules() {
				if !selects(r, ev) {
					continue
				}
				if err := w.Match(i, ev, func(f matcher.Finding) { got[r.Info.ID] = f.Data; fired[r.Info.ID] = true }); err != nil {
					t.Errorf("%s: %v", r.Info.ID, err)
				}
			}
			want := c.want
			if want == nil {
				want = found{}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
	for _, r := range p.Rules() {
		if !fired[r.Info.ID] {
			t.Errorf("no case makes %s (%s) fire", r.Info.ID, r.File)
		}
		if r.Info.MITRE == "" || r.Info.Description == "" || r.Info.Version == "" {
			t.Errorf("%s lacks a description, a version or its MITRE technique: %+v", r.File, r.Info)
		}
	}
}

func selects(r matcher.Rule, ev *matcher.Event) bool {
	for _, s := range r.Select {
		if s.Event == ev.Name() && (s.Origin == matcher.AnyOrigin || s.Origin == ev.Origin) {
			return true
		}
	}
	return false
}

func ruleFiles(t *testing.T) []matcher.File {
	t.Helper()
	names, err := filepath.Glob("*.rego")
	if err != nil {
		t.Fatal(err)
	}
	var out []matcher.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.rego") {
			if _, err := os.Stat(strings.TrimSuffix(name, "_test.rego") + ".rego"); err != nil {
				t.Errorf("%s tests no rule: %v", name, err)
			}
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(strings.TrimSuffix(name, ".rego") + "_test.rego"); err != nil {
			t.Errorf("%s has no tests beside it: %v", name, err)
		}
		out = append(out, matcher.File{Path: "builtin:rego/" + name, Content: content})
	}
	return out
}
