package msg_test

import (
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// read calls every accessor of every event.
func read(t interface {
	Helper()
	Fatalf(string, ...any)
}, b *msg.Batch,
) {
	t.Helper()
	for i := range b.Events {
		r := b.Record(i)
		_, _, _ = r.Name(), r.ID(), r.Comm()
		_ = msg.DetectionID("R", r, i)
		if r.Process() == nil {
			t.Fatalf("event %d has no process", i)
		}
		for n := -1; n <= len(r.Process().Ancestors)+1; n++ {
			r.Ancestor(n)
		}
		if c := r.Container(); c != nil {
			c.JSON()
		}
		r.File()
		for n := -1; n <= r.NumArgs()+1; n++ {
			v, ok := r.ArgAt(n)
			if ok && (n < 0 || n >= r.NumArgs()) {
				t.Fatalf("event %d of %d arguments has argument %d", i, r.NumArgs(), n)
			}
			if !ok && v != (msg.Value{}) {
				t.Fatalf("event %d: argument %d is absent and %v", i, n, v)
			}
			_, _, _, _, _ = v.Str(), v.Bytes(), v.Strings(), v.Addr(), v.Cred()
			_, _ = v.Text(), v.Scalar()
		}
		line, err := r.JSON().MarshalJSONLine()
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if !json.Valid(line) {
			t.Fatalf("event %d is not JSON: %q", i, line)
		}
	}
}

// TestAnyIndex: a batch that was never checked has indexes that point nowhere,
// and nothing panics.
func TestAnyIndex(t *testing.T) {
	kinds := []string{"openat", "ptrace", "connect", "sched_process_exec", "magic_write", "commit_creds", "kill", "sched_process_exit"}
	index := rapid.OneOf(rapid.Uint32Range(0, 4), rapid.Uint32(), rapid.Just(uint32(math.MaxUint32)))
	rapid.Check(t, func(rt *rapid.T) {
		b := sample(t)
		for _, p := range b.Processes {
			p.Container = index.Draw(rt, "container")
			p.Ancestors = rapid.SliceOfN(index, 0, 3).Draw(rt, "ancestors")
		}
		e := b.Events[0]
		e.Type = rapid.OneOf(rapid.Just(typeOf(t, rapid.SampledFrom(kinds).Draw(rt, "event"))), index).Draw(rt, "type")
		e.Process, e.Comm, e.File = index.Draw(rt, "process"), index.Draw(rt, "comm"), index.Draw(rt, "file")
		e.Args = rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(-2, 8), rapid.Int64()), 0, 70).Draw(rt, "args")
		e.Absent = rapid.Uint64().Draw(rt, "absent")
		e.Time, b.BootTime = rapid.Int64().Draw(rt, "time"), rapid.Int64().Draw(rt, "boot")
		if rapid.Bool().Draw(rt, "no tables") {
			b.Strings, b.Processes, b.Containers, b.Files = nil, nil, nil, nil
			b.Blobs, b.Lists, b.Addresses, b.Credentials = nil, nil, nil, nil
		}
		read(rt, b)
	})
}

func TestRecord(t *testing.T) {
	b := sample(t)
	open := b.Record(0)
	if got := open.Name(); got != "openat" {
		t.Errorf("name is %s", got)
	}
	if got, want := open.ID(), "web-1.example/0b0e4d1c-7c1f-4c8e-9d0e-6a3f0f1e2d3c/41"; got != want {
		t.Errorf("id is %s", got)
	}
	if got := open.Process().Comm; got != "sh" {
		t.Errorf("process is %s", got)
	}
	if got := open.Ancestor(1).GetComm(); got != "systemd" {
		t.Errorf("parent is %s", got)
	}
	if open.Ancestor(0) != open.Process() || open.Ancestor(2) != nil || open.Ancestor(-1) != nil {
		t.Error("ancestors beyond the ends")
	}
	if got := open.Container().GetName(); got != "shop" {
		t.Errorf("container is %s", got)
	}
	if got := open.File().GetPath(); got != "/etc/passwd" {
		t.Errorf("file is %s", got)
	}
	trace := b.Record(2)
	if trace.Container() != nil || trace.File() != nil {
		t.Errorf("ptrace has container %v and file %v", trace.Container(), trace.File())
	}
	if got := trace.Ancestor(2).GetComm(); got != "systemd" {
		t.Errorf("grandparent is %s", got)
	}
	for _, c := range []struct {
		event int
		arg   string
		want  string
		ok    bool
	}{
		{0, "dirfd", "-100", true},
		{0, "pathname", "/etc/passwd", true},
		{0, "flags", "O_RDONLY|O_CLOEXEC", true},
		{0, "mode", "0", true},
		{0, "filename", "", false},
		{1, "dirfd", "", false}, // absent
		{1, "flags", "O_WRONLY|O_CREAT|O_TRUNC", true},
		{1, "mode", "0600", true},
		{2, "request", "PTRACE_TRACEME", true},
		{2, "addr", "0x7ffc0000", true},
		{2, "data", "0xffffffffffffffff", true},
		{3, "addr", "[2001:db8::1]:443", true},
		{4, "argv", "sh -c echo", true},
		{4, "env", "", true},
		{4, "inode", "77", true},
		{5, "bytes", "\x7fELF\x02", true},
		{6, "old_cred", "uid=1000 gid=0 euid=0 egid=0", true},
		{6, "syscall", "setuid", true},
		{7, "flags", "MAP_PRIVATE|MAP_ANONYMOUS", true},
		{8, "sig", "SIGKILL", true},
		{8, "pid", "-900", true},
		{9, "addr", "@hidden", true},
		{10, "process_group_exit", "true", true},
		{11, "fd", "", false},   // an event this program does not know
		{12, "addr", "", false}, // index out of the table
	} {
		v, ok := b.Record(c.event).Arg(c.arg)
		if ok != c.ok {
			t.Errorf("event %d, %s: ok is %v", c.event, c.arg, ok)
		} else if ok && v.Text() != c.want {
			t.Errorf("event %d: %s is %q, not %q", c.event, c.arg, v.Text(), c.want)
		}
	}
	if got := b.Record(11).Name(); got != "event-990" {
		t.Errorf("an unknown event is %s", got)
	}
}

// TestValueKinds: a getter of another kind gives nothing.
func TestValueKinds(t *testing.T) {
	b := sample(t)
	flags, _ := b.Record(0).Arg("flags")
	if flags.Str() != "" || flags.Bytes() != nil || flags.Strings() != nil || flags.Addr() != nil || flags.Cred() != nil {
		t.Errorf("flags are %q %v %v %v %v", flags.Str(), flags.Bytes(), flags.Strings(), flags.Addr(), flags.Cred())
	}
	path, _ := b.Record(0).Arg("pathname")
	if !flags.Scalar() || path.Scalar() {
		t.Errorf("scalar: flags %v, path %v", flags.Scalar(), path.Scalar())
	}
	var zero msg.Value
	if zero.Text() != "0" || zero.Str() != "" || !zero.Scalar() || zero.Strings() != nil {
		t.Errorf("the zero value is %q", zero.Text())
	}
	if v := (msg.Value{Param: &catalogue.Param{Kind: catalogue.Flags}, Word: 5}); v.Text() != "5" {
		t.Errorf("flags without names are %s", v.Text())
	}
}

func TestSocketAddressText(t *testing.T) {
	for _, c := range []struct {
		a    *msg.SocketAddress
		want string
	}{
		{nil, "family 0"},
		{&msg.SocketAddress{}, "family 0"},
		{&msg.SocketAddress{Family: msg.AFInet, Ip: []byte{127, 0, 0, 1}, Port: 80}, "127.0.0.1:80"},
		{&msg.SocketAddress{Family: msg.AFInet6, Ip: make([]byte, 16)}, "[::]:0"},
		{&msg.SocketAddress{Family: msg.AFInet, Ip: []byte{1, 2}}, "family 2"},
		{&msg.SocketAddress{Family: msg.AFUnix, Path: "/run/x.sock"}, "/run/x.sock"},
		{&msg.SocketAddress{Family: msg.AFUnix}, ""},
		{&msg.SocketAddress{Family: 16}, "family 16"},
	} {
		if got := c.a.Text(); got != c.want {
			t.Errorf("%v is %q, not %q", c.a, got, c.want)
		}
	}
}

func TestDetectionID(t *testing.T) {
	b := sample(t)
	seen := map[string]string{}
	for name, id := range map[string]string{
		"first":   msg.DetectionID("TRC-2", b.Record(2), 0),
		"second":  msg.DetectionID("TRC-2", b.Record(2), 1),
		"257th":   msg.DetectionID("TRC-2", b.Record(2), 256),
		"rule":    msg.DetectionID("TRC-3", b.Record(2), 0),
		"event":   msg.DetectionID("TRC-2", b.Record(3), 0),
		"joining": msg.DetectionID("TRC-2web-1", b.Record(2), 0),
	} {
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s have the same id", name, other)
		}
		seen[id] = name
	}
	// The same finding in another encoding of the same event.
	var again msg.Batch
	frame, err := msg.Marshal(nil, b, msg.S2)
	if err != nil {
		t.Fatal(err)
	}
	if err := msg.Unmarshal(frame, &again); err != nil {
		t.Fatal(err)
	}
	if got, want := msg.DetectionID("TRC-2", again.Record(2), 0), msg.DetectionID("TRC-2", b.Record(2), 0); got != want {
		t.Errorf("ids %s and %s of one finding", got, want)
	}
}
