package input_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tripline/tripline/matcher/input"
	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func param(t *testing.T, event, name string) *catalogue.Param {
	t.Helper()
	e, ok := catalogue.Lookup(event)
	if !ok || e.Param(name) < 0 {
		t.Fatalf("the catalogue has no %s of %s", name, event)
	}
	return &e.Params[e.Param(name)]
}

// TestWord: the same argument in all the ways in which formats have it.
func TestWord(t *testing.T) {
	for _, c := range []struct {
		event, arg string
		values     []any
		want       string // as people read it
	}{
		{"openat", "flags", []any{"O_WRONLY|O_CREAT", " O_CREAT | O_WRONLY ", int32(65), uint64(65), 65.0, json.Number("65"), "0x41"}, "O_WRONLY|O_CREAT"},
		{"ptrace", "request", []any{"PTRACE_PEEKDATA", int64(2), json.Number("2"), "2"}, "PTRACE_PEEKDATA"},
		{"ptrace", "addr", []any{"0xffffffffffffffff", uintptr(1<<64 - 1), json.Number("18446744073709551615"), int64(-1)}, "0xffffffffffffffff"},
		{"ptrace", "pid", []any{int32(-3), json.Number("-3"), "-3"}, "-3"},
		{"chmod", "mode", []any{"S_IFREG|S_IRUSR|S_IWUSR|S_IRGRP|S_IROTH", uint32(0o100644), "0100644"}, "0100644"},
		{"chmod", "mode", []any{"S_IRWXU|S_IXGRP", 0o710}, "0710"},
		{"kill", "sig", []any{"SIGKILL", 9, "9"}, "SIGKILL"},
		{"sched_process_exit", "process_group_exit", []any{true, "true", 1, json.Number("1")}, "true"},
		{"openat", "pathname", []any{"/etc/passwd"}, "/etc/passwd"},
		{"magic_write", "bytes", []any{"f0VMRg==", []byte("\x7fELF")}, "\x7fELF"},
		{"execve", "argv", []any{[]string{"ls", "1"}, []any{"ls", json.Number("1")}, []any{"ls", 1.0}}, "ls 1"},
		{"security_socket_connect", "remote_addr", []any{
			map[string]string{"sa_family": "AF_INET", "sin_addr": "10.0.0.1", "sin_port": "443"},
			map[string]any{"sa_family": "2", "sin_addr": "10.0.0.1", "sin_port": json.Number("443")},
			"10.0.0.1:443",
			map[string]string{"sa_family": "AF_INET", "sin_addr": "::ffff:10.0.0.1", "sin_port": "443"},
		}, "10.0.0.1:443"},
		{"security_socket_connect", "remote_addr", []any{
			map[string]string{"sa_family": "AF_INET6", "sin6_addr": "2001:db8::1", "sin6_port": "53", "sin6_scopeid": "0"}, "[2001:db8::1]:53",
		}, "[2001:db8::1]:53"},
		{"security_socket_connect", "remote_addr", []any{map[string]string{"sa_family": "AF_UNIX", "sun_path": "@x"}, "@x"}, "@x"},
		{"security_socket_connect", "remote_addr", []any{map[string]string{"sa_family": "AF_NETLINK"}, "family 16", "family AF_NETLINK"}, "family 16"},
		{"commit_creds", "new_cred", []any{
			trace.SlimCred{Uid: 1, Gid: 2, Euid: 3, Egid: 4},
			&trace.SlimCred{Uid: 1, Gid: 2, Euid: 3, Egid: 4},
			map[string]any{"Uid": 1, "Gid": 2, "Euid": 3, "Egid": 4},
			map[string]any{"uid": 1, "gid": 2, "euid": 3, "egid": 4},
		}, "uid=1 gid=2 euid=3 egid=4"},
	} {
		p := param(t, c.event, c.arg)
		for _, v := range c.values {
			e := input.Event{Name: c.event, Args: []input.Arg{{Name: c.arg, Value: v}}}
			var b msg.Builder
			lost, err := e.Append(&b)
			if err != nil || len(lost) > 0 {
				t.Errorf("%s %s of %#v: %v %v", c.event, p.Name, v, lost, err)
				continue
			}
			got, ok := b.Take().Record(0).Arg(c.arg)
			if !ok || got.Text() != c.want {
				t.Errorf("%s %s of %#v: %q, want %q", c.event, p.Name, v, got.Text(), c.want)
			}
		}
	}
}

// TestWordRefuses: what an argument cannot be is left out and said.
func TestWordRefuses(t *testing.T) {
	for _, c := range []struct {
		event, arg string
		value      any
		want       string
	}{
		{"openat", "flags", "O_NEVER", `"O_NEVER" is not a value of the type int`},
		{"openat", "flags", 1.5, "1.5, expected a whole number"},
		{"openat", "flags", json.Number("1e3"), "the number 1e3, expected a whole number"},
		{"openat", "flags", []any{}, "a list, expected a number or a name"},
		{"openat", "pathname", json.Number("1"), "the number 1, expected text"},
		{"chmod", "mode", "S_IRWXZ", "is not a value"},
		{"magic_write", "bytes", "*", "expected base64"},
		{"execve", "argv", "ls", "expected a list of texts"},
		{"security_socket_connect", "remote_addr", "somewhere", "is not an address"},
		{"security_socket_connect", "remote_addr", map[string]string{"sa_family": "AF_NEVER"}, "no address family"},
		{"security_socket_connect", "remote_addr", map[string]string{"sa_family": "AF_INET", "sin_addr": "x"}, "is not an IP address"},
		{"security_socket_connect", "remote_addr", map[string]string{"sa_family": "AF_INET", "sin_addr": "::1", "sin_port": "1"}, "is not an address of its family"},
		{"security_socket_connect", "remote_addr", map[string]string{"sa_family": "AF_INET", "sin_addr": "1.1.1.1", "sin_port": "70000"}, "is not a port"},
		{"commit_creds", "new_cred", "root", "expected credentials"},
		{"commit_creds", "new_cred", map[string]any{"uid": "x"}, "cannot unmarshal"},
		{"openat", "nonsense", 1, "the event has none of this name"},
	} {
		e := input.Event{Name: c.event, Args: []input.Arg{{Name: c.arg, Value: c.value}}}
		var b msg.Builder
		lost, err := e.Append(&b)
		if err != nil || len(lost) != 1 || !strings.Contains(lost[0].Error(), c.want) {
			t.Errorf("%s %s of %#v: %v, %v; want %q", c.event, c.arg, c.value, lost, err, c.want)
			continue
		}
		if _, ok := b.Take().Record(0).Arg(c.arg); ok {
			t.Errorf("%s %s of %#v: it is there all the same", c.event, c.arg, c.value)
		}
	}
	var b msg.Builder
	if _, err := (&input.Event{Name: "nonsense"}).Append(&b); err == nil || len(b.Take().Events) > 0 {
		t.Error("an unknown event was taken")
	}
}
