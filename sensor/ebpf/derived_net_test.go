//go:build cgo && linux && amd64

package ebpf

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

// ownNetwork takes the thread into a network namespace with a loopback device,
// where port 53 is free. The thread must not be unlocked afterwards.
func ownNetwork(t *testing.T) {
	t.Helper()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		t.Fatal(err)
	}
}

func question(t *testing.T, id uint16, name string, kind dnsmessage.Type) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// answer answers a question, whose asker has the address to.
func answer(t *testing.T, fd int, rcode dnsmessage.RCode, resources ...dnsmessage.ResourceBody) {
	b := make([]byte, 2048)
	n, to, err := unix.Recvfrom(fd, b, 0)
	if err != nil {
		t.Errorf("the server received: %v", err)
		return
	}
	var m dnsmessage.Message
	if err := m.Unpack(b[:n]); err != nil {
		t.Errorf("the server received no question: %v", err)
		return
	}
	m.Response, m.RCode = true, rcode
	for _, r := range resources {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60}, Body: r,
		})
	}
	packed, err := m.Pack()
	if err == nil {
		err = unix.Sendto(fd, packed, 0, to)
	}
	if err != nil {
		t.Errorf("the server answered: %v", err)
	}
}

// exchange is one question and its answer.
type exchange struct {
	name      string
	family    int
	server    string
	query     string
	kind      dnsmessage.Type
	rcode     dnsmessage.RCode
	resources []dnsmessage.ResourceBody
	question  string
	answers   []string
}

func exchanges() []exchange {
	a := &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}
	aaaa := &dnsmessage.AAAAResource{AAAA: [16]byte{0x20, 0x01, 0xd, 0xb8, 15: 1}}
	mx := &dnsmessage.MXResource{Pref: 5, MX: dnsmessage.MustNewName("mail.example.com.")}
	text := &dnsmessage.TXTResource{TXT: []string{"v=spf1", " -all"}}
	return []exchange{
		{"A over IPv4", unix.AF_INET, "127.0.0.1", "c2.example.com.", dnsmessage.TypeA, 0, []dnsmessage.ResourceBody{a}, "c2.example.com A", []string{"c2.example.com A 127.0.0.1"}},
		{"AAAA over IPv6", unix.AF_INET6, "::1", "v6.example.com.", dnsmessage.TypeAAAA, 0, []dnsmessage.ResourceBody{aaaa}, "v6.example.com AAAA", []string{"v6.example.com AAAA 2001:db8::1"}},
		{"several answers", unix.AF_INET, "127.0.0.2", "example.com.", dnsmessage.TypeALL, 0, []dnsmessage.ResourceBody{mx, text}, "example.com ALL", []string{"example.com MX mail.example.com", "example.com TXT v=spf1 -all"}},
		{"no such name", unix.AF_INET, "127.0.0.1", "tunnel.0123456789abcdef.example.", dnsmessage.TypeTXT, dnsmessage.RCodeNameError, nil, "tunnel.0123456789abcdef.example TXT", []string{}},
	}
}

func sockaddr(addr string, port int) unix.Sockaddr {
	a := netip.MustParseAddr(addr)
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: port}
	}
	return &unix.SockaddrInet6{Addr: a.As16(), Port: port}
}

// expectation is an event that must come.
type expectation struct {
	event string
	want  []any
}

// TestDNS asks a name server, and connects to what that answers.
func TestDNS(t *testing.T) {
	needRoot(t)
	if cgroupRoot() == "" {
		t.Skip("needs a mounted cgroup v2 hierarchy")
	}
	w := start(t, "net_packet_dns", "net_packet_dns_request", "net_packet_dns_response", "net_tcp_connect", "getpriority")
	var tid int
	var want [][]expectation
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		tid = gettid()
		ownNetwork(t)
		for i, x := range exchanges() {
			server, client := newSocket(t, x.family, unix.SOCK_DGRAM), newSocket(t, x.family, unix.SOCK_DGRAM)
			if err := unix.Bind(server, sockaddr(x.server, 53)); err != nil {
				t.Error(err)
				return
			}
			w.mark(t, i)
			if err := unix.Sendto(client, question(t, uint16(1000+i), x.query, x.kind), 0, sockaddr(x.server, 53)); err != nil {
				t.Error(err)
				return
			}
			// The answer comes while another thread runs.
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				answer(t, server, x.rcode, x.resources...)
			}()
			<-answered
			unix.Close(server)
			source := localPort(t, client)
			local := x.server
			if local == "127.0.0.2" {
				local = "127.0.0.1"
			}
			q := []string{x.question}
			asked := []any{local, x.server, source, 53, 1000 + i, q}
			told := []any{x.server, local, 53, source, 1000 + i, q, x.answers}
			want = append(want, []expectation{
				{"net_packet_dns", append(slices.Clone(asked), absent{})},
				{"net_packet_dns_request", asked},
				{"net_packet_dns", told},
				{"net_packet_dns_response", append(slices.Clone(told), int(x.rcode))},
			})
		}
		w.mark(t, len(want))
		want = append(want, connectTCP(t, "127.0.0.1", []string{"c2.example.com"}), nil)
		w.mark(t, len(want)-1)
		// Something else to that port is no question.
		stray := newSocket(t, unix.AF_INET, unix.SOCK_DGRAM)
		if err := unix.Sendto(stray, []byte("no DNS at all, but long enough for one"), 0, sockaddr("127.0.0.1", 53)); err != nil {
			t.Error(err)
		}
		w.mark(t, len(want))
	}()
	<-done
	if t.Failed() {
		return
	}
	between := w.betweenMarks(tid, len(want))
	for i, events := range want {
		var got []string
		for _, r := range between[i] {
			got = append(got, r.Name())
		}
		if len(between[i]) != len(events) {
			t.Fatalf("stretch %d has %q, want %v", i, got, events)
		}
		for j, e := range events {
			r := between[i][j]
			if problem := compare(r, e.want); r.Name() != e.event || problem != "" {
				t.Errorf("stretch %d: %s:%s; want %s", i, r.Name(), problem, e.event)
			}
			if r.Process().Pid != int32(unix.Getpid()) || r.Event.Flags != 0 {
				t.Errorf("%s: process %d, flags %v", r.Name(), r.Process().Pid, msg.EventFlag(r.Event.Flags))
			}
		}
	}
}

// connectTCP connects and says what must be told.
func connectTCP(t *testing.T, addr string, names []string) []expectation {
	listener := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	client := newSocket(t, unix.AF_INET, unix.SOCK_STREAM)
	err := unix.Bind(listener, sockaddr(addr, 443))
	if err == nil {
		err = unix.Listen(listener, 1)
	}
	if err == nil {
		err = unix.Connect(client, sockaddr(addr, 443))
	}
	if err != nil {
		t.Error(err)
	}
	return []expectation{{"net_tcp_connect", []any{addr, 443, names, addr, localPort(t, client)}}}
}

func localPort(t *testing.T, fd int) int {
	t.Helper()
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Error(err)
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return a.Port
	case *unix.SockaddrInet6:
		return a.Port
	}
	return -1
}

// TestDNSMessage reads messages that are none, or not whole.
func TestDNSMessage(t *testing.T) {
	whole := question(t, 7, "example.com.", dnsmessage.TypeA)
	for n := range len(whole) {
		var m dnsMessage
		if m.read(whole[:n]) {
			t.Errorf("%d bytes of %d are taken for a question: %v", n, len(whole), m)
		}
	}
	var m dnsMessage
	if !m.read(whole) || m.id != 7 || m.response || fmt.Sprint(m.questions) != "[example.com A]" {
		t.Errorf("%v", m)
	}
	var n names
	a := netip.MustParseAddr("192.0.2.1")
	for i := range 10 {
		n.learn(a, strings.Repeat("x", i%6))
	}
	if len(n[a]) != namesAddress {
		t.Errorf("%d names of one address", len(n[a]))
	}
	for i := range maxNamed {
		n.learn(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), "many")
	}
	if len(n) > maxNamed {
		t.Errorf("%d addresses are kept", len(n))
	}
}
