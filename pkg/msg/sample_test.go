package msg_test

import (
	"testing"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// typeOf is the id of a named event.
func typeOf(t testing.TB, name string) uint32 {
	t.Helper()
	e, ok := catalogue.Lookup(name)
	if !ok {
		t.Fatalf("no event %s", name)
	}
	return uint32(e.ID)
}

// sample is a batch with every table and kind of argument. Maps have one entry
// each, so that its encoding is always the same. It is frozen in testdata/v1:
// what is added goes to the end.
func sample(t testing.TB) *msg.Batch {
	t.Helper()
	var b msg.Builder
	batch := b.Batch()
	batch.Host, batch.BootId, batch.Source = "web-1.example", "0b0e4d1c-7c1f-4c8e-9d0e-6a3f0f1e2d3c", "ebpf"
	batch.FirstSeq, batch.LastSeq = 41, 53
	batch.Partition, batch.PartitionSeq, batch.Enricher = 7, 1200, "enricher-web-1"
	batch.BootTime = 1_700_000_000_000_000_000
	batch.Drops = []*msg.Drop{{Type: typeOf(t, "close"), Cause: "ring", Count: 12}}

	container := b.Container(&msg.Container{
		Id: "6f1c0c0f3a52", Runtime: "docker", Name: "shop", Labels: map[string]string{"app": "shop"},
		Image:  &msg.Image{Name: "shop:1.2", Repository: "shop", Tag: "1.2", Digest: "sha256:aa", Id: "sha256:bb"},
		Mounts: []*msg.Mount{{Source: "/srv", Destination: "/data", Mode: "rw", Writable: true, Propagation: "rprivate"}},
		Pod:    &msg.Pod{Name: "shop-0", Namespace: "prod", Uid: "u-1", Labels: map[string]string{"tier": "web"}, SandboxId: "s", Ip: "10.0.0.7"},
		Ip:     "172.17.0.2", CgroupId: 4242, Privileged: true, StartTime: 1_700_000_100_000_000_000,
		Completeness: msg.Completeness_COMPLETENESS_COMPLETE, User: "0",
	})
	root := b.Process(&msg.Process{
		Pid: 1, StartTime: 1, Comm: "systemd", Exe: &msg.Executable{Path: "/usr/lib/systemd/systemd"},
		Args: []string{"/sbin/init"}, Cred: &msg.Credentials{}, LoginUid: 4294967295, Knowledge: msg.Knowledge_KNOWLEDGE_PROC,
	})
	shell := b.Process(&msg.Process{
		Pid: 900, StartTime: 5_000_000_000, Ppid: 1, ParentStartTime: 1, NsPid: 12, NsPpid: 1, Comm: "sh",
		Exe:  &msg.Executable{Path: "/bin/busybox", Inode: 77, Device: 8 << 20, Mode: 0o100755, Nlink: 1, Ctime: 5, Mtime: 6, UpperLayer: true},
		Args: []string{"sh", "-c", "echo \x1b[31m<&>"}, Cwd: "/tmp", Tty: 0x8800, Sid: 900, Pgid: 900, NsSid: 12, NsPgid: 12,
		Cred:     &msg.Credentials{Uid: 1000, Gid: 1000, Suid: 1000, Sgid: 1000, Euid: 0, Egid: 1000, Fsuid: 1000, Fsgid: 1000, UserNs: 4026531837, CapEffective: 1<<41 - 1},
		LoginUid: 1000, AuditSession: 3, User: "app", Group: "app", LoginUser: "ann",
		Ns:  &msg.Namespaces{Mnt: 1, Pid: 2, Net: 3, User: 4, Uts: 5, Ipc: 6, Cgroup: 7, Time: 8},
		Env: []string{"PATH=/bin"}, CgroupId: 4242, Cgroup: "/system.slice/docker-6f1c0c0f3a52.scope",
		Container: container, Ancestors: []uint32{root}, Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
		ExecTime: 1_700_000_005_000_000_000, StdinMode: 0o020620,
	})
	thin := b.Process(&msg.Process{Pid: 950, StartTime: 6_000_000_000, Ppid: 900, Comm: "?", Ancestors: []uint32{shell, root}})

	local := &msg.SocketAddress{Family: msg.AFInet, Ip: []byte{10, 0, 0, 7}, Port: 41000}
	remote := &msg.SocketAddress{Family: msg.AFInet6, Ip: []byte{0x20, 1, 0xd, 0xb8, 14: 0, 15: 1}, Port: 443, Scope: 2}
	passwd := b.File(&msg.File{Fd: 3, Path: "/etc/passwd", Inode: 99, Device: 8 << 20, Mode: 0o100644})
	conn := b.File(&msg.File{Fd: 5, Inode: 12345, Mode: 0o140777, Local: local, Remote: remote, SocketType: 1, Protocol: 6})

	sh, odd := uint32(b.String("sh")), uint32(b.StringBytes([]byte("a\x00b\xff\x9b")))
	seq := uint64(40)
	event := func(name string, process, comm uint32, ret int64, args ...int64) *msg.Event {
		seq++
		e := &msg.Event{
			Seq: seq, Time: batch.BootTime + 7_000_000_000 + int64(seq), Type: typeOf(t, name),
			Process: process, Tid: 901, NsTid: 13, Comm: comm, Cpu: 1, Ret: ret, Args: args,
		}
		b.Event(e)
		return e
	}
	event("openat", shell, sh, 3, -100, b.String("/etc/passwd"), 0o2000000, 0).File = passwd
	event("openat", shell, sh, -2, -100, b.String("/no/where\n"), 0o1101, 0o600).Absent = 1
	event("ptrace", thin, odd, 0, 0, 0, 0x7ffc0000, -1)
	event("connect", shell, sh, -115, 5, b.Address(remote), 28).File = conn
	event("sched_process_exec", shell, sh, 0, b.String("/bin/sh"), b.String("/bin/busybox"), 8<<20, 77, 5, 0o100755,
		b.String(""), 0o020620, b.List(&msg.StringList{Items: []string{"sh", "-c", "echo"}, Omitted: 1}), b.List(&msg.StringList{}))
	event("magic_write", shell, sh, 4, b.String("/tmp/x"), b.Bytes([]byte("\x7fELF\x02")), 8<<20, 100)
	event("commit_creds", shell, sh, 0, b.Cred(&msg.Credentials{Uid: 1000}), b.Cred(&msg.Credentials{CapEffective: 1 << 21}), 105)
	event("mmap", shell, sh, 0x7f0000000000, 0, 4096, 3, 0x22, -1, 0).Count = 9
	event("kill", shell, sh, 0, -900, 9).Flags = uint32(msg.EventFlag_EVENT_FLAG_COMPAT | msg.EventFlag_EVENT_FLAG_MISMATCH)
	event("bind", shell, sh, 0, 4, b.Address(&msg.SocketAddress{Family: msg.AFUnix, Path: "@hidden"}), 9)
	event("sched_process_exit", shell, sh, 0, 1, 1)
	later := event("close", shell, sh, 0, 3, 7)
	later.Type = 990 // of a newer program
	wrong := event("bind", shell, sh, 0, 4, 77, 9)
	wrong.Flags = uint32(msg.EventFlag_EVENT_FLAG_X32 | msg.EventFlag_EVENT_FLAG_TRUNCATED | msg.EventFlag_EVENT_FLAG_EXISTING)
	return b.Take()
}

// typical is a batch as the sensor and enricher make it: 256 events of a busy
// host, 16 processes, 4 containers.
func typical(t testing.TB) *msg.Batch {
	t.Helper()
	var b msg.Builder
	batch := b.Batch()
	batch.Host, batch.BootId, batch.Source, batch.FirstSeq, batch.LastSeq = "web-1", "0b0e4d1c-7c1f-4c8e-9d0e-6a3f0f1e2d3c", "ebpf", 1, 256
	batch.BootTime = 1_700_000_000_000_000_000
	for range 4 {
		b.Container(&msg.Container{
			Id: "6f1c0c0f3a526f1c0c0f3a526f1c0c0f3a526f1c0c0f3a526f1c0c0f3a52aaaa", Runtime: "docker", Name: "shop",
			Image: &msg.Image{Name: "shop:1.2", Repository: "shop", Tag: "1.2"}, Labels: map[string]string{"app": "shop", "tier": "web"},
		})
	}
	for i := range 16 {
		b.Process(&msg.Process{
			Pid: int32(1000 + i), StartTime: uint64(i) * 1e9, Ppid: 1, Comm: "nginx", User: "www", Cwd: "/",
			Exe:  &msg.Executable{Path: "/usr/sbin/nginx", Inode: 12345, Device: 8 << 20, Mode: 0o100755},
			Args: []string{"nginx", "-g", "daemon off;"}, Cred: &msg.Credentials{Uid: 33, Gid: 33, Euid: 33, Egid: 33},
			Cgroup: "/system.slice/docker.scope", CgroupId: 4242, Container: uint32(i%4 + 1), Ancestors: []uint32{0},
			Knowledge: msg.Knowledge_KNOWLEDGE_KERNEL,
		})
	}
	paths := []string{"/etc/passwd", "/var/www/index.html", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/proc/self/status"}
	openat, closeID, connect := typeOf(t, "openat"), typeOf(t, "close"), typeOf(t, "connect")
	for i := range 256 {
		e := &msg.Event{
			Seq: uint64(i + 1), Time: batch.BootTime + int64(i)*1000, Process: uint32(i % 16), Tid: int32(1000 + i%16),
			NsTid: int32(i % 16), Comm: uint32(b.String("nginx")), Cpu: uint32(i % 8),
		}
		switch i % 4 {
		case 0, 1:
			e.Type, e.Ret, e.Args = openat, 3, []int64{-100, b.String(paths[i/4%4]), 0o2000000, 0}
		case 2:
			e.Type, e.Args = closeID, []int64{3}
		case 3:
			e.Type, e.Args = connect, []int64{4, b.Address(&msg.SocketAddress{Family: msg.AFInet, Ip: []byte{10, 0, 0, byte(i)}, Port: 443}), 16}
		}
		b.Event(e)
	}
	return b.Take()
}
