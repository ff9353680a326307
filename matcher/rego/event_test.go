package rego

import (
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// eventOf makes an event of a type given in full, so that tests do not depend
// on what the sensor produces today. Values: string for text kinds, []string,
// []byte, *msg.SocketAddress, *msg.Credentials, int; nil for an absent one.
func eventOf(tb testing.TB, typ *catalogue.Event, values ...any) *matcher.Event {
	tb.Helper()
	var b msg.Builder
	p := &msg.Process{
		Pid: 4242, NsPid: 17, Ppid: 4200, NsPpid: 1, StartTime: 1e9, Comm: "worker", Args: []string{"worker", "-x"}, Cwd: "/",
		Exe: &msg.Executable{Path: "/usr/bin/worker", UpperLayer: true, Inode: 1 << 63}, Cred: &msg.Credentials{Uid: 1000, CapEffective: 1<<64 - 1},
		Ns: &msg.Namespaces{Mnt: 4026532256, Pid: 4026532259}, User: "app", LoginUid: 4294967295,
	}
	p.Container = b.Container(&msg.Container{
		Id: "e87a8eb8", Runtime: "docker", Name: "web", Image: &msg.Image{Name: "nginx:1.27", Repository: "nginx", Tag: "1.27"},
		Labels: map[string]string{"tier": "front"}, Mounts: []*msg.Mount{{Source: "/", Destination: "/host", Writable: true}},
		Pod: &msg.Pod{Name: "web-1", Namespace: "shop", Labels: map[string]string{"app": "web"}},
	})
	parent := b.Process(&msg.Process{Pid: 4200, Comm: "sh", Exe: &msg.Executable{Path: "/bin/sh"}})
	p.Ancestors = []uint32{parent}
	e := &msg.Event{
		Seq: 9, Time: 1657290245020112233, Type: uint32(typ.ID), Process: b.Process(p), Tid: 4243, NsTid: 18, Cpu: 3, Ret: -2,
		Comm: uint32(b.String("worker-thread")),
		File: b.File(&msg.File{Fd: 3, Path: "/etc/passwd", Remote: &msg.SocketAddress{Family: msg.AFInet, Ip: []byte{10, 0, 0, 1}, Port: 443}}),
	}
	for i, v := range values {
		var w int64
		switch x := v.(type) {
		case nil:
			e.Absent |= 1 << uint(i)
		case string:
			w = b.String(x)
		case []string:
			w = b.List(&msg.StringList{Items: x})
		case []byte:
			w = b.Bytes(x)
		case *msg.SocketAddress:
			w = b.Address(x)
		case *msg.Credentials:
			w = b.Cred(x)
		case int:
			w = int64(x)
		case bool:
			if x {
				w = 1
			}
		default:
			tb.Fatalf("value of type %T", v)
		}
		e.Args = append(e.Args, w)
	}
	b.Event(e)
	batch := b.Take()
	batch.Host, batch.BootId, batch.BootTime = "node-1", "boot", 1657290000000000000
	r := batch.Record(0)
	r.Type = typ
	return &matcher.Event{Record: r, Origin: matcher.ContainerOrigin, Serial: serials.Add(1)}
}

// serials gives each event a number of its own.
var serials atomic.Uint64

// The events that Tracee's signatures are about, with the arguments that
// Tracee gives them.
func typeOpen() *catalogue.Event {
	return &catalogue.Event{ID: 1040, Name: "security_file_open", Params: []catalogue.Param{
		{Name: "pathname", Type: "const char*", Kind: catalogue.Path},
		{Name: "flags", Type: "int", Kind: catalogue.Flags, Values: openFlags()},
		{Name: "dev", Type: "dev_t", Kind: catalogue.Device},
		{Name: "inode", Type: "unsigned long", Kind: catalogue.Uint},
	}}
}

func openFlags() *catalogue.Values {
	return &catalogue.Values{Name: "open", Bits: true, Mask: 3, List: []catalogue.Value{
		{Name: "O_RDONLY"}, {Name: "O_WRONLY", Num: 1}, {Name: "O_RDWR", Num: 2}, {Name: "O_CREAT", Num: 0o100}, {Name: "O_APPEND", Num: 0o2000},
	}}
}

func typePtrace() *catalogue.Event {
	return &catalogue.Event{ID: 101, Name: "ptrace", Params: []catalogue.Param{
		{Name: "request", Type: "long", Kind: catalogue.Enum, Values: &catalogue.Values{Name: "ptrace", List: []catalogue.Value{
			{Name: "PTRACE_TRACEME"}, {Name: "PTRACE_POKETEXT", Num: 4}, {Name: "PTRACE_GETREGS", Num: 12},
		}}},
		{Name: "pid", Type: "pid_t", Kind: catalogue.PID},
		{Name: "addr", Type: "void*", Kind: catalogue.Pointer},
		{Name: "data", Type: "void*", Kind: catalogue.Pointer},
	}}
}

func open(tb testing.TB, path string, flags int) *matcher.Event {
	return eventOf(tb, typeOpen(), path, flags, 271581185, 1311)
}

func ptrace(tb testing.TB, request int) *matcher.Event {
	return eventOf(tb, typePtrace(), request, 12, 0, 0x7ffe0101)
}

// load compiles one source that must be good.
func load(tb testing.TB, sources ...string) matcher.Program {
	tb.Helper()
	p, problems := New(DefaultConfig(), quiet()).Load(files(sources...))
	for _, x := range problems {
		if !x.Warning {
			tb.Fatal(x.Error())
		}
	}
	return p
}

func files(sources ...string) []matcher.File {
	var out []matcher.File
	for i, s := range sources {
		out = append(out, matcher.File{Path: "rule" + string(rune('a'+i)) + ".rego", Content: []byte(s)})
	}
	return out
}

// match holds the event against every rule that selects it.
func match(tb testing.TB, p matcher.Program, ev *matcher.Event) ([]matcher.Finding, error) {
	tb.Helper()
	w, err := p.NewWorker()
	if err != nil {
		tb.Fatal(err)
	}
	return matchWith(p, w, ev)
}

func matchWith(p matcher.Program, w matcher.Worker, ev *matcher.Event) (out []matcher.Finding, first error) {
	for i, r := range p.Rules() {
		for _, s := range r.Select {
			if (s.Event == "" || s.Event == ev.Name()) && (s.Origin == matcher.AnyOrigin || s.Origin == ev.Origin) {
				if err := w.Match(i, ev, func(f matcher.Finding) { out = append(out, f) }); err != nil && first == nil {
					first = err
				}
				break
			}
		}
	}
	return out, first
}
