package golang

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// event is an event of a type that has a parameter of every kind.
func event(e *catalogue.Event, container bool) *matcher.Event {
	b := &msg.Batch{
		Host:    "web-1",
		Strings: []string{"curl", "/etc/passwd", "root"},
		Blobs:   [][]byte{{0x7f, 'E'}},
		Lists:   []*msg.StringList{{Items: []string{"a", "b"}}},
		Addresses: []*msg.SocketAddress{
			{Family: msg.AFInet, Ip: []byte{10, 0, 0, 1}, Port: 443},
			{Family: msg.AFInet6, Ip: []byte{0xfe, 0x80, 15: 1}, Port: 53, Scope: 2},
			{Family: msg.AFUnix, Path: "/run/x.sock"},
			{Family: 16},
		},
		Credentials: []*msg.Credentials{{Uid: 1, Euid: 2, UserNs: 3, Securebits: 4, CapAmbient: 5}},
		Processes: []*msg.Process{{
			Pid: 500, Ppid: 400, NsPid: 500, NsPpid: 400, Cred: &msg.Credentials{Uid: 33},
			Ns: &msg.Namespaces{Mnt: 77, Pid: 88},
		}},
		Events: []*msg.Event{{Seq: 9, Time: 1234567890123, Type: 9999, Tid: 501, NsTid: 501, Cpu: 3, Ret: -2}},
	}
	origin := matcher.HostOrigin
	if container {
		b.Containers = []*msg.Container{{Id: "abc"}}
		p := b.Processes[0]
		p.Container, p.NsPid, p.NsPpid, b.Events[0].NsTid = 1, 7, 1, 8
		origin = matcher.ContainerOrigin
	}
	return &matcher.Event{Record: msg.Record{Batch: b, Event: b.Events[0], Type: e}, Origin: origin}
}

func TestConvertHeader(t *testing.T) {
	e := &catalogue.Event{Name: "openat"}
	want := trace.Event{
		Timestamp: 1234567890123, ProcessorID: 3, ProcessID: 500, ThreadID: 501, ParentProcessID: 400,
		HostProcessID: 500, HostThreadID: 501, HostParentProcessID: 400, UserID: 33, MountNS: 77, PIDNS: 88,
		ProcessName: "curl", HostName: "web-1", EventID: 9999, EventName: "openat", ReturnValue: -2, Args: []trace.Argument{},
	}
	compare := func(ev *matcher.Event, want trace.Event, origin string) {
		t.Helper()
		got := convert(ev, newShape(e.Name, e))
		envelope := protocol.EventHeaders{ContentType: "tracee/event-openat", Origin: origin}
		if got.Headers.ContentType != envelope.ContentType || got.Headers.Origin != envelope.Origin {
			t.Errorf("headers %+v", got.Headers)
		}
		if diff := cmp.Diff(want, got.Payload); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if p := got.Payload.(trace.Event).ToProtocol(); p.Headers.Origin != origin {
			t.Errorf("the event's own origin is %s, the envelope's %s", p.Headers.Origin, origin)
		}
	}
	compare(event(e, false), want, "tracee/host")

	thin := event(e, false)
	*thin.Batch.Processes[0] = msg.Process{Pid: 500, Ppid: 400}
	thin.Event.NsTid = 0
	bare := want
	bare.UserID, bare.MountNS, bare.PIDNS = 0, 0, 0
	compare(thin, bare, "tracee/host")

	want.ContainerID, want.ProcessID, want.ThreadID, want.ParentProcessID = "abc", 7, 8, 1
	compare(event(e, true), want, "tracee/container")
}

func TestValues(t *testing.T) {
	flags := &catalogue.Values{Bits: true, List: []catalogue.Value{{Name: "O_WRONLY", Num: 1}, {Name: "O_CREAT", Num: 64}}}
	for _, c := range []struct {
		event string
		class catalogue.Class
		param catalogue.Param
		word  int64
		want  trace.Argument
	}{
		{param: catalogue.Param{Type: "int", Kind: catalogue.FD}, word: -100, want: arg("int", int32(-100))},
		{param: catalogue.Param{Type: "unsigned int", Kind: catalogue.FD}, word: 3, want: arg("unsigned int", uint32(3))},
		{param: catalogue.Param{Type: "umode_t", Kind: catalogue.Mode}, word: 0o644, want: arg("umode_t", uint16(0o644))},
		{param: catalogue.Param{Type: "mode_t", Kind: catalogue.Mode}, word: 0o644, want: arg("mode_t", uint32(0o644))},
		{param: catalogue.Param{Type: "long", Kind: catalogue.Int}, word: -5, want: arg("long", int64(-5))},
		{param: catalogue.Param{Type: "unsigned long", Kind: catalogue.Uint}, word: -1, want: arg("unsigned long", ^uint64(0))},
		{param: catalogue.Param{Type: "size_t", Kind: catalogue.Uint}, word: 9, want: arg("size_t", uint64(9))},
		{param: catalogue.Param{Type: "bool", Kind: catalogue.Bool}, word: 1, want: arg("bool", true)},
		{param: catalogue.Param{Type: "void *", Kind: catalogue.Pointer}, word: -1, want: arg("void*", "0xffffffffffffffff")},
		{param: catalogue.Param{Type: "struct stat __user *", Kind: catalogue.Uint}, word: 16, want: arg("struct stat*", "0x10")},
		{param: catalogue.Param{Type: "const char *", Kind: catalogue.Path}, word: 1, want: arg("const char*", "/etc/passwd")},
		{param: catalogue.Param{Type: "const char*const*", Kind: catalogue.Strings}, want: arg("const char*const*", []string{"a", "b"})},
		{param: catalogue.Param{Type: "bytes", Kind: catalogue.Bytes}, want: arg("bytes", []byte{0x7f, 'E'})},
		{param: catalogue.Param{Type: "struct sockaddr*", Kind: catalogue.SockAddr}, want: arg("struct sockaddr*", map[string]string{"sa_family": "AF_INET", "sin_addr": "10.0.0.1", "sin_port": "443"})},
		{param: catalogue.Param{Type: "struct sockaddr*", Kind: catalogue.SockAddr}, word: 1, want: arg("struct sockaddr*", map[string]string{"sa_family": "AF_INET6", "sin6_addr": "fe80::1", "sin6_port": "53", "sin6_flowinfo": "0", "sin6_scopeid": "2"})},
		{param: catalogue.Param{Type: "struct sockaddr*", Kind: catalogue.SockAddr}, word: 2, want: arg("struct sockaddr*", map[string]string{"sa_family": "AF_UNIX", "sun_path": "/run/x.sock"})},
		{param: catalogue.Param{Type: "struct sockaddr*", Kind: catalogue.SockAddr}, word: 3, want: arg("struct sockaddr*", map[string]string{"sa_family": "AF_NETLINK"})},
		{param: catalogue.Param{Type: "slim_cred_t", Kind: catalogue.Cred}, want: arg("slim_cred_t", trace.SlimCred{Uid: 1, Euid: 2, UserNamespace: 3, SecureBits: 4, CapAmbient: 5})},

		{event: "openat", param: catalogue.Param{Name: "flags", Type: "int", Kind: catalogue.Flags, Values: flags}, word: 65, want: arg("string", "O_WRONLY|O_CREAT")},
		{event: "unlinkat", param: catalogue.Param{Name: "flags", Type: "int", Kind: catalogue.Flags, Values: flags}, word: 65, want: arg("int", int32(65))},
		{event: "security_new_thing", class: catalogue.Security, param: catalogue.Param{Name: "flags", Type: "int", Kind: catalogue.Flags, Values: flags}, word: 65, want: arg("string", "O_WRONLY|O_CREAT")},
		{event: "security_sb_mount", class: catalogue.Security, param: catalogue.Param{Name: "flags", Type: "unsigned long", Kind: catalogue.Flags, Values: flags}, word: 65, want: arg("unsigned long", uint64(65))},
		{event: "mem_prot_alert", class: catalogue.Security, param: catalogue.Param{Name: "alert", Type: "u32", Kind: catalogue.Enum}, word: 4, want: arg("u32", "Protection changed from W+E to E!")},
		{event: "security_file_open", class: catalogue.Security, param: catalogue.Param{Name: "syscall", Type: "int", Kind: catalogue.Enum}, word: 101, want: arg("int", "ptrace")},
		{event: "sched_process_exec", class: catalogue.Lifecycle, param: catalogue.Param{Name: "stdin_type", Type: "umode_t", Kind: catalogue.Mode}, word: 0o140777, want: arg("string", "S_IFSOCK|S_IRWXU|S_IRWXG|S_IRWXO")},
		{event: "sched_process_exec", class: catalogue.Lifecycle, param: catalogue.Param{Name: "inode_mode", Type: "umode_t", Kind: catalogue.Mode}, word: 0o755, want: arg("umode_t", uint16(0o755))},
	} {
		name := c.event + " " + c.param.Type
		t.Run(name, func(t *testing.T) {
			if c.param.Name == "" {
				c.param.Name = "x"
			}
			c.want.Name = c.param.Name
			e := &catalogue.Event{Name: c.event, Class: c.class, Params: []catalogue.Param{c.param, {Name: "absent", Type: "int"}}}
			ev := event(e, false)
			ev.Event.Args, ev.Event.Absent = []int64{c.word, 0}, 2
			got := convert(ev, newShape(e.Name, e)).Payload.(trace.Event)
			if diff := cmp.Diff([]trace.Argument{c.want}, got.Args); diff != "" || got.ArgsNum != 1 {
				t.Errorf("%d arguments (-want +got):\n%s", got.ArgsNum, diff)
			}
		})
	}
}

func arg(ctype string, value any) trace.Argument {
	return trace.Argument{ArgMeta: trace.ArgMeta{Type: ctype}, Value: value}
}

func TestFileMode(t *testing.T) {
	for mode, want := range map[uint32]string{
		0o100644: "S_IFREG|S_IRUSR|S_IWUSR|S_IRGRP|S_IROTH",
		0o020620: "S_IFCHR|S_IRUSR|S_IWUSR|S_IWGRP",
		0o010600: "S_IFIFO|S_IRUSR|S_IWUSR",
		0o106755: "S_IFREG|S_IRWXU|S_ISUID|S_ISGID|S_IRGRP|S_IXGRP|S_IROTH|S_IXOTH",
		0:        "",
	} {
		if got := fileMode(mode); got != want {
			t.Errorf("fileMode(%#o) = %s, want %s", mode, got, want)
		}
	}
}
