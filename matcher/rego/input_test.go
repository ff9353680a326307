package rego

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown/cache"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// everyKind has one argument of each kind.
func everyKind() *catalogue.Event {
	return &catalogue.Event{ID: 1099, Name: "every_kind", Params: []catalogue.Param{
		{Name: "int", Type: "int", Kind: catalogue.Int},
		{Name: "uint", Type: "unsigned long", Kind: catalogue.Uint},
		{Name: "pointer", Type: "void*", Kind: catalogue.Pointer},
		{Name: "fd", Type: "int", Kind: catalogue.FD},
		{Name: "flags", Type: "int", Kind: catalogue.Flags, Values: openFlags()},
		{Name: "unnamed", Type: "int", Kind: catalogue.Flags},
		{Name: "alert", Type: "u32", Kind: catalogue.Enum, Values: &catalogue.Values{List: []catalogue.Value{{Name: "one", Num: 1}}}},
		{Name: "mode", Type: "mode_t", Kind: catalogue.Mode},
		{Name: "bool", Type: "bool", Kind: catalogue.Bool},
		{Name: "absent", Type: "int", Kind: catalogue.Int},
		{Name: "text", Type: "const char*", Kind: catalogue.String},
		{Name: "path", Type: "const char*", Kind: catalogue.Path},
		{Name: "bytes", Type: "bytes", Kind: catalogue.Bytes},
		{Name: "argv", Type: "const char**", Kind: catalogue.Strings},
		{Name: "addr4", Type: "struct sockaddr*", Kind: catalogue.SockAddr},
		{Name: "addr6", Type: "struct sockaddr*", Kind: catalogue.SockAddr},
		{Name: "unix", Type: "struct sockaddr*", Kind: catalogue.SockAddr},
		{Name: "other", Type: "struct sockaddr*", Kind: catalogue.SockAddr},
		{Name: "cred", Type: "struct cred*", Kind: catalogue.Cred},
	}}
}

const everyKindJSON = `{
	"timestamp": 1657290245020112233, "processorId": 3, "processId": 17, "threadId": 18, "parentProcessId": 1,
	"hostProcessId": 4242, "hostThreadId": 4243, "hostParentProcessId": 4200, "userId": 1000,
	"mountNamespace": 4026532256, "pidNamespace": 4026532259, "processName": "worker-thread", "hostName": "node-1",
	"containerId": "e87a8eb8", "eventId": "1099", "eventName": "every_kind", "argsNum": 18, "returnValue": -2, "stackAddresses": null,
	"args": [
		{"name": "int", "type": "int", "value": -5},
		{"name": "uint", "type": "unsigned long", "value": 18446744073709551615},
		{"name": "pointer", "type": "void*", "value": "0xfffffffffffffff0"},
		{"name": "fd", "type": "int", "value": -100},
		{"name": "flags", "type": "string", "value": "O_WRONLY|O_CREAT"},
		{"name": "unnamed", "type": "int", "value": 7},
		{"name": "alert", "type": "u32", "value": "one"},
		{"name": "mode", "type": "string", "value": "0644"},
		{"name": "bool", "type": "bool", "value": true},
		{"name": "text", "type": "const char*", "value": "a\ufffd\ufffdb"},
		{"name": "path", "type": "const char*", "value": "/tmp/ä"},
		{"name": "bytes", "type": "bytes", "value": "f0VMRg=="},
		{"name": "argv", "type": "const char**", "value": ["ls", ""]},
		{"name": "addr4", "type": "struct sockaddr*", "value": {"sa_family": "AF_INET", "sin_addr": "10.96.0.1", "sin_port": "443"}},
		{"name": "addr6", "type": "struct sockaddr*", "value": {"sa_family": "AF_INET6", "sin6_addr": "fe80::1", "sin6_port": "80", "sin6_scopeid": "2"}},
		{"name": "unix", "type": "struct sockaddr*", "value": {"sa_family": "AF_UNIX", "sun_path": "/run/x.sock"}},
		{"name": "other", "type": "struct sockaddr*", "value": {"sa_family": "99"}},
		{"name": "cred", "type": "struct cred*", "value": {"Uid": 7, "Gid": 8, "Suid": 0, "Sgid": 0, "Euid": 4294967295, "Egid": 0, "Fsuid": 0, "Fsgid": 0,
			"UserNamespace": 0, "SecureBits": 0, "CapInheritable": 0, "CapPermitted": 0, "CapEffective": 18446744073709551615, "CapBounding": 1, "CapAmbient": 0}}
	],
	"process": {
		"pid": 4242, "ppid": 4200, "ns_pid": 17, "ns_ppid": 1, "start_time": 1657290001000000000, "comm": "worker", "exe": "/usr/bin/worker",
		"args": ["worker", "-x"], "cwd": "/", "tty": 0, "sid": 0, "pgid": 0, "uid": 1000, "gid": 0, "euid": 0, "egid": 0, "user": "app", "group": "",
		"login_uid": 4294967295, "login_user": "", "cgroup": "", "cap_effective": 18446744073709551615, "cap_permitted": 0,
		"exe_inode": 9223372036854775808, "exe_ctime": 0, "exe_mtime": 0, "exe_upper_layer": true, "exe_writable": false, "exe_memfd": false,
		"namespaces": {"mnt": 4026532256, "pid": 4026532259, "net": 0, "user": 0, "uts": 0, "ipc": 0, "cgroup": 0, "time": 0},
		"ancestors": [{"pid": 4200, "comm": "sh", "exe": "/bin/sh", "args": []}]
	},
	"container": {
		"id": "e87a8eb8", "runtime": "docker", "name": "web", "image": "nginx:1.27", "image_id": "", "image_repository": "nginx", "image_tag": "1.27", "image_digest": "",
		"labels": {"tier": "front"}, "mounts": [{"source": "/", "destination": "/host", "mode": "", "writable": true}], "privileged": false,
		"host_pid": false, "host_network": false, "host_ipc": false, "completeness": "none"
	},
	"pod": {"name": "web-1", "namespace": "shop", "uid": "", "labels": {"app": "web"}},
	"file": {"fd": 3, "path": "/etc/passwd", "inode": 0, "remote": "10.0.0.1:443"}
}`

func everyKindEvent(tb testing.TB) *document {
	d := newDocument(DefaultConfig().MaxString)
	d.reset(eventOf(tb, everyKind(), -5, -1, -16, -100, 0o101, 7, 1, 0o644, true, nil, "a\xff\xfeb", "/tmp/ä", []byte("\x7fELF"), []string{"ls", ""},
		&msg.SocketAddress{Family: msg.AFInet, Ip: []byte{10, 96, 0, 1}, Port: 443},
		&msg.SocketAddress{Family: msg.AFInet6, Ip: []byte{0xfe, 0x80, 15: 1}, Port: 80, Scope: 2},
		&msg.SocketAddress{Family: msg.AFUnix, Path: "/run/x.sock"}, &msg.SocketAddress{Family: 99},
		&msg.Credentials{Uid: 7, Gid: 8, Euid: 1<<32 - 1, CapEffective: 1<<64 - 1, CapBounding: 1}))
	return d
}

// TestInput is the whole document of an event with everything in it, written
// out by hand.
func TestInput(t *testing.T) {
	d := everyKindEvent(t)
	var doc map[string]any
	want := ast.MustParseTerm(everyKindJSON)
	if err := ast.As(want.Value, &doc); err != nil {
		t.Fatal(err)
	}
	byName := map[string]any{}
	for _, a := range doc["args"].([]any) {
		byName[a.(map[string]any)["name"].(string)] = a.(map[string]any)["value"]
	}
	want.Value.(ast.Object).Insert(ast.StringTerm("argsByName"), ast.NewTerm(ast.MustInterfaceToValue(byName)))

	if d := cmp.Diff(pretty(t, want.Value), pretty(t, d.input().Value)); d != "" {
		t.Error(d)
	}
	exported, err := Input(d.ev, d.max)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(exported)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ast.ValueFromReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if again.Compare(want.Value) != 0 {
		t.Errorf("by way of JSON the document is %s", b)
	}
}

func pretty(t *testing.T, v ast.Value) string {
	t.Helper()
	x, err := ast.JSON(v)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestScreenSeesTheSame compares each field and argument as the screen takes
// it from the event with what the document has.
func TestScreenSeesTheSame(t *testing.T) {
	check := func(t *testing.T, d *document) {
		m := newMachine(d, 0, cache.NewInterQueryValueCache(context.Background(), nil))
		m.begin(d.ev)
		doc := d.input().Value.(ast.Object)
		same := func(what string, got value, want *ast.Term) {
			t.Helper()
			if want == nil {
				if got.kind != undefined {
					t.Errorf("%s is %+v, the document has none", what, got)
				}
				return
			}
			x, ok := m.toAST(&got)
			if !ok || x.Compare(want.Value) != 0 {
				t.Errorf("%s is %v, the document has %v", what, x, want)
			}
		}
		keys := append(doc.Keys(), ast.StringTerm("nope"), ast.StringTerm("container"), ast.StringTerm("pod"))
		for _, k := range keys {
			name := string(k.Value.(ast.String))
			var got value
			field(name)(m, &got)
			same(name, got, doc.Get(k))
		}
		list := doc.Get(ast.StringTerm("args")).Value.(*ast.Array)
		if n, _ := m.count(&value{kind: arguments}); n != int64(list.Len()) {
			t.Errorf("%d arguments, the document has %d", n, list.Len())
		}
		for i := range list.Len() {
			for _, k := range []string{"name", "type", "value", "nope"} {
				var arg, got value
				index, key := ofInt(int64(i)), ofText(k)
				if m.lookup(&value{kind: arguments}, &index, &arg) != yes {
					t.Fatalf("no argument %d", i)
				}
				m.lookup(&arg, &key, &got)
				same(k, got, list.Elem(i).Value.(ast.Object).Get(ast.StringTerm(k)))
			}
			name := list.Elem(i).Value.(ast.Object).Get(ast.StringTerm("name"))
			var got value
			m.argNamed(string(name.Value.(ast.String)), &got)
			same("argument", got, list.Elem(i).Value.(ast.Object).Get(ast.StringTerm("value")))
		}
	}
	t.Run("every kind", func(t *testing.T) { check(t, everyKindEvent(t)) })
	t.Run("random", func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for range 200 {
			d := newDocument(64)
			d.reset(randomEvent(t, r))
			check(t, d)
		}
	})
}

// TestDocumentReused gives one worker's document event after event: nothing of
// the one before may stay.
func TestDocumentReused(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	d := newDocument(1 << 16)
	for range 100 {
		ev := randomEvent(t, r)
		d.reset(ev)
		fresh := newDocument(1 << 16)
		fresh.reset(ev)
		if d, f := pretty(t, d.input().Value), pretty(t, fresh.input().Value); d != f {
			t.Fatal(cmp.Diff(f, d))
		}
	}
}
