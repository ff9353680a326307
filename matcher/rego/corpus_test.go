package rego

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// traceeFiles are twelve signatures in Tracee's form and Rego v0.
func traceeFiles(tb testing.TB) []matcher.File { return filesIn(tb, "testdata/tracee/*.rego") }

// builtinFiles are the rules that come with Tripline.
func builtinFiles(tb testing.TB) []matcher.File {
	var out []matcher.File
	for _, f := range filesIn(tb, "../../rules/rego/*.rego") {
		if !isTest(f.Path) {
			out = append(out, f)
		}
	}
	return out
}

func filesIn(tb testing.TB, pattern string) []matcher.File {
	tb.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		tb.Fatalf("%s: %v, %d files", pattern, err, len(paths))
	}
	var out []matcher.File
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, matcher.File{Path: p, Content: b})
	}
	return out
}

// corpusEvents are the events that the twelve signatures select, and two that
// none does.
func corpusEvents() []string {
	return []string{
		"security_file_open", "execve", "sched_process_exec", "ptrace", "security_bprm_check", "init_module", "magic_write",
		"security_sb_mount", "mem_prot_alert", "process_vm_writev", "security_kernel_read_file", "openat", "security_socket_connect",
		"security_inode_rename", "security_inode_link", "security_inode_symlink",
	}
}

func mustType(tb testing.TB, name string) *catalogue.Event {
	tb.Helper()
	t, ok := catalogue.Lookup(name)
	if !ok {
		tb.Fatalf("no event %s in the catalogue", name)
	}
	return t
}

// randomEvent makes an event whose values are near what the signatures look
// for: about one in fifteen is a hit for one of them.
func randomEvent(tb testing.TB, r *rand.Rand) *matcher.Event {
	events := corpusEvents()
	typ := mustType(tb, events[r.IntN(len(events))])
	if r.IntN(3) == 0 { // what most rules are about
		typ = mustType(tb, pick(r, "security_file_open", "security_file_open", "security_bprm_check"))
	}
	values := make([]any, len(typ.Params))
	for i, p := range typ.Params {
		if r.IntN(12) == 0 {
			continue // absent
		}
		values[i] = randomValue(r, &p)
	}
	ev := eventOf(tb, typ, values...)
	if r.IntN(2) == 0 {
		ev.Process().Container = 0
		ev.Origin = matcher.HostOrigin
	}
	ev.Process().NsPid = int32(r.IntN(3))
	ev.Batch.Strings = append(ev.Batch.Strings, pick(r, "nginx", "etcd", "bash", "kubelet", "apache2", "\xff\xfe"))
	ev.Event.Comm = uint32(len(ev.Batch.Strings) - 1)
	return ev
}

func pick(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

func randomValue(r *rand.Rand, p *catalogue.Param) any {
	switch p.Kind {
	case catalogue.String, catalogue.Path:
		if r.IntN(8) == 0 {
			return "/tmp/.hidden"
		}
		return pick(r, "/etc/ld.so.preload", "/proc/self/mem", "/proc/12/mem", "/proc/x/mem", "/sys/fs/cgroup/x/release_agent", "/etc/kubernetes/pki/ca.key",
			"/run/secrets/kubernetes.io/serviceaccount/token", "memfd:x", "memfd:runc_cloned", "/dev/shm/a", "/run/shm/b", "/bin/bash", "/bin/ls",
			"/dev/sda1", "", "a\xffb", "\u00e4\u4e16", "/tmp/\"quoted\"\n{}", "/proc/sys/kernel/randomize_va_space", "/proc/sys/kernel/core_pattern",
			"/sys/fs/cgroup/x/notify_on_release", "/lib64/ld-linux-x86-64.so.2", "/proc/kcore", "/proc/sched_debug", "/etc/cron.d/x",
			"/proc/sys/kernel/modprobe", "/etc/init.d/x", "/etc/sudoers", "/proc/sysrq-trigger")
	case catalogue.Strings:
		n := r.IntN(3)
		out := make([]string, n)
		for i := range out {
			out[i] = pick(r, "LD_PRELOAD=/tmp/x.so", "LD_LIBRARY_PATH=/x", "PATH=/bin", "LD_PRELOA", "")
		}
		return out
	case catalogue.Bytes:
		return []byte(pick(r, "\x7fELF\x02\x01\x01\x00", "\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 9)+"\x01\x00>\x00",
			"\x7fELF\x02\x01\x01"+strings.Repeat("\x00", 9)+"\x03\x00>\x00", "#!/bin/sh", "", "\x7felf"))
	case catalogue.SockAddr:
		switch r.IntN(4) {
		case 0:
			return &msg.SocketAddress{Family: msg.AFUnix, Path: pick(r, "/run/x.sock", "/run/docker.sock")}
		case 1:
			return &msg.SocketAddress{Family: msg.AFInet, Ip: []byte{10, 96, 0, 1}, Port: 443}
		case 2:
			return &msg.SocketAddress{Family: msg.AFInet6, Ip: make([]byte, 16), Port: 80, Scope: 2}
		}
		return &msg.SocketAddress{Family: 99}
	case catalogue.Cred:
		return &msg.Credentials{Uid: 7, CapEffective: 1<<64 - 1}
	case catalogue.Uint:
		return int(r.Uint64())
	default:
		if r.IntN(8) == 0 {
			return 13 // PTRACE_SETREGS
		}
		return r.IntN(6)
	}
}
