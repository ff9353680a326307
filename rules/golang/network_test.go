package golang_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/tripline/tripline/pkg/detect"
	"github.com/tripline/tripline/pkg/detect/trace"
	rules "github.com/tripline/tripline/rules/golang"
)

func arg(name string, value any) trace.Argument {
	return trace.Argument{ArgMeta: trace.ArgMeta{Name: name}, Value: value}
}

func event(name, container string, args ...trace.Argument) trace.Event {
	return trace.Event{EventName: name, HostName: "h", ContainerID: container, ArgsNum: len(args), Args: args}
}

func v4(ip, port string) trace.Argument {
	return arg("remote_addr", map[string]string{"sa_family": "AF_INET", "sin_addr": ip, "sin_port": port})
}

func v6(ip, port string) trace.Argument {
	return arg("remote_addr", map[string]string{"sa_family": "AF_INET6", "sin6_addr": ip, "sin6_port": port})
}

// run feeds events and returns the data of the findings.
func run(t *testing.T, sig detect.Signature, events ...trace.Event) []string {
	t.Helper()
	m, err := sig.GetMetadata()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := sig.Init(func(f detect.Finding) {
		if f.SigMetadata.ID != m.ID || f.Event.Payload == nil {
			t.Errorf("finding %+v", f)
		}
		got = append(got, fmt.Sprint(f.Data))
	}); err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if err := sig.OnEvent(e.ToProtocol()); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

func TestStdioOverSocket(t *testing.T) {
	local := arg("remote_addr", map[string]string{"sa_family": "AF_UNIX", "sun_path": "/run/x"})
	for _, c := range []struct {
		name  string
		event trace.Event
		want  []string
	}{
		{"connected as standard input", event("security_socket_connect", "", arg("sockfd", int32(0)), v4("10.0.0.1", "443")), []string{"map[fd:0 ip:10.0.0.1 port:443]"}},
		{"connected as another", event("security_socket_connect", "", arg("sockfd", int32(3)), v4("10.0.0.1", "443")), nil},
		{"connected as another, copied to standard output", event("socket_dup", "", arg("oldfd", int32(3)), arg("newfd", int32(1)), v6("fe80::1", "80")), []string{"map[fd:1 ip:fe80::1 port:80]"}},
		{"standard output copied away", event("socket_dup", "", arg("oldfd", int32(1)), arg("newfd", int32(3)), v4("10.0.0.1", "80")), nil},
		{"a local socket", event("socket_dup", "", arg("oldfd", int32(3)), arg("newfd", int32(2)), local), nil},
		{"the address is not known", event("socket_dup", "", arg("oldfd", int32(3)), arg("newfd", int32(2))), nil},
		{"the descriptor is not known", event("security_socket_connect", "", v4("10.0.0.1", "443")), nil},
		{"no descriptor", event("security_socket_connect", "", arg("sockfd", int32(-1)), v4("10.0.0.1", "443")), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := run(t, rules.NewStdioOverSocket(), c.event); !reflect.DeepEqual(got, c.want) {
				t.Errorf("findings %v, want %v", got, c.want)
			}
		})
	}
}

func TestKubernetesAPI(t *testing.T) {
	exec := func(container string, env ...string) trace.Event {
		return event("sched_process_exec", container, arg("env", env))
	}
	connect := func(container string, addr trace.Argument) trace.Event {
		return event("security_socket_connect", container, arg("sockfd", int32(3)), addr)
	}
	const host = "KUBERNETES_SERVICE_HOST="
	for _, c := range []struct {
		name   string
		events []trace.Event
		want   []string
	}{
		{"to its server", []trace.Event{exec("a", "PATH=/bin", host+"10.96.0.1"), connect("a", v4("10.96.0.1", "443"))}, []string{"map[ip:10.96.0.1]"}},
		{"to its server by IPv6, in two spellings", []trace.Event{exec("a", host+"fd00:0:0::1"), connect("a", v6("fd00::1", "443"))}, []string{"map[ip:fd00::1]"}},
		{"to its server through a mapped address", []trace.Event{exec("a", host+"10.96.0.1"), connect("a", v6("::ffff:10.96.0.1", "443"))}, []string{"map[ip:10.96.0.1]"}},
		{"elsewhere", []trace.Event{exec("a", host+"10.96.0.1"), connect("a", v4("10.96.0.2", "443"))}, nil},
		{"to the server of another container", []trace.Event{exec("a", host+"10.96.0.1"), connect("b", v4("10.96.0.1", "443"))}, nil},
		{"on the host", []trace.Event{exec("", host+"10.96.0.1"), connect("", v4("10.96.0.1", "443"))}, nil},
		{"a variable that ends so", []trace.Event{exec("a", "X_"+host+"10.96.0.1"), connect("a", v4("10.96.0.1", "443"))}, nil},
		{"an address that is none", []trace.Event{exec("a", host+"kubernetes"), connect("a", v4("10.96.0.1", "443"))}, nil},
		{"the address moves", []trace.Event{exec("a", host+"10.96.0.1"), exec("a", host+"10.96.0.9"), connect("a", v4("10.96.0.9", "443"))}, []string{"map[ip:10.96.0.9]"}},
		{"a program without the variable comes between", []trace.Event{exec("a", host+"10.96.0.1"), exec("a"), connect("a", v4("10.96.0.1", "443"))}, []string{"map[ip:10.96.0.1]"}},
		{"no environment is collected", []trace.Event{event("sched_process_exec", "a"), connect("a", v4("10.96.0.1", "443"))}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := run(t, rules.NewKubernetesAPI(), c.events...); !reflect.DeepEqual(got, c.want) {
				t.Errorf("findings %v, want %v", got, c.want)
			}
		})
	}
}
