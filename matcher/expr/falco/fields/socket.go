package fields

import (
	"net/netip"

	"github.com/tripline/tripline/pkg/msg"
)

// endpoints are both ends of the connection that the event is about, by side
// and by role. What is not known is not valid.
type endpoints struct {
	local, remote, client, server netip.AddrPort
}

func firstAddr(f *msg.File) *msg.SocketAddress {
	if f.GetRemote().GetFamily() != msg.AFUnspec {
		return f.Remote
	}
	if f.GetLocal().GetFamily() != msg.AFUnspec {
		return f.Local
	}
	return nil
}

// sockAddr is the address argument of the event, nil when it has none.
func (e *Event) sockAddr() *msg.SocketAddress {
	for _, n := range []string{"addr", "tuple"} {
		if i, ok := e.argv.pos[n]; ok {
			if v, ok := e.rec.ArgAt(i); ok {
				if a := v.Addr(); a != nil {
					return a
				}
			}
		}
	}
	for i := range e.rec.NumArgs() {
		if v, ok := e.rec.ArgAt(i); ok && v.Addr() != nil {
			return v.Addr()
		}
	}
	return nil
}

func addrPort(a *msg.SocketAddress) netip.AddrPort {
	ip := a.Addr()
	if !ip.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(a.GetPort()))
}

// serving says whether the event makes its process the server.
func serving(name string) bool {
	switch name {
	case "accept", "accept4", "listen", "bind":
		return true
	}
	return false
}

// both finds the ends of the connection, once an event.
func (e *Event) both() *endpoints {
	if e.endsAt == e.stamp {
		return &e.ends
	}
	e.endsAt = e.stamp
	p := endpoints{}
	if f := e.rec.File(); f != nil {
		p.local, p.remote = addrPort(f.Local), addrPort(f.Remote)
	}
	if a := e.sockAddr(); a != nil {
		switch e.info.Name {
		case "bind", "getsockname":
			if !p.local.IsValid() {
				p.local = addrPort(a)
			}
		default:
			if !p.remote.IsValid() {
				p.remote = addrPort(a)
			}
		}
	}
	switch {
	case serving(e.info.Name):
		p.server, p.client = p.local, p.remote
	case p.remote.IsValid() && p.local.IsValid() && p.local.Port() != 0 && p.local.Port() < p.remote.Port() && p.local.Port() < 1024 && e.info.Name != "connect":
		// Traffic on a connection whose beginning was not seen: the well-known
		// port is the server's.
		p.server, p.client = p.local, p.remote
	case p.remote.IsValid():
		p.server, p.client = p.remote, p.local
	}
	e.ends = p
	return &e.ends
}

func (e *Event) local() (netip.AddrPort, bool) { p := e.both(); return p.local, p.local.IsValid() }

func (e *Event) remote() (netip.AddrPort, bool) { p := e.both(); return p.remote, p.remote.IsValid() }

func (e *Event) client() (netip.AddrPort, bool) { p := e.both(); return p.client, p.client.IsValid() }

func (e *Event) server() (netip.AddrPort, bool) { p := e.both(); return p.server, p.server.IsValid() }

// known lists the ends that are known.
func (p *endpoints) known(i int) netip.AddrPort {
	if !p.local.IsValid() {
		return p.remote
	}
	if i == 1 {
		return p.remote
	}
	return p.local
}

func (p *endpoints) count() (n int) {
	if p.local.IsValid() {
		n++
	}
	if p.remote.IsValid() {
		n++
	}
	return n
}

func endpointIPs(e *Event, _ *Ref) *Getter {
	return &Getter{
		N:    func() int { return e.both().count() },
		IPAt: func(i int) (netip.Addr, bool) { return e.both().known(i).Addr(), true },
	}
}

func endpointPorts(e *Event, _ *Ref) *Getter {
	return &Getter{
		N:     func() int { return e.both().count() },
		NumAt: func(i int) (int64, bool) { return int64(e.both().known(i).Port()), true },
	}
}

// tuple shows a connection from client to server.
func (e *Event) tuple() string {
	p := e.both()
	switch {
	case p.client.IsValid() && p.server.IsValid():
		return endpoint(p.client) + "->" + endpoint(p.server)
	case p.server.IsValid() && serving(e.info.Name):
		return endpoint(p.server)
	case p.server.IsValid():
		return "->" + endpoint(p.server)
	case p.local.IsValid():
		return endpoint(p.local)
	}
	return ""
}

func endpoint(a netip.AddrPort) string {
	return a.Addr().String() + ":" + itoa(int64(a.Port()))
}

// l4proto names the transport; a socket without a known one reads <NA>.
func (e *Event) l4proto() (string, bool) {
	t, ok := e.fdType()
	if !ok || !isSocket(t) {
		return "", false
	}
	f := e.rec.File()
	switch f.GetProtocol() {
	case 6:
		return "tcp", true
	case 17:
		return "udp", true
	case 1, 58:
		return "icmp", true
	}
	switch f.GetSocketType() & 0xf {
	case sockStream:
		return "tcp", true
	case sockDgram:
		return "udp", true
	case sockRaw:
		return "raw", true
	}
	return noName, true
}

func (e *Event) sockFamily() (string, bool) {
	switch t, _ := e.fdType(); t {
	case "ipv4", "ipv6":
		return "ip", true
	case "unix":
		return "unix", true
	}
	return "", false
}

func (e *Event) isServer() (bool, bool) {
	t, ok := e.fdType()
	if !ok || !isSocket(t) {
		return false, ok && t == "unix"
	}
	p := e.both()
	return p.server.IsValid() && p.server == p.local, true
}

// inProgress is what connect returns for a socket that does not block.
const inProgress = -115

func (e *Event) fdConnected() (bool, bool) {
	t, ok := e.fdType()
	if !ok || !isSocket(t) && t != "unix" {
		return false, ok
	}
	switch e.info.Name {
	case "connect":
		return e.rec.Event.Ret == 0 || e.rec.Event.Ret == inProgress, true
	case "bind", "listen", "socket":
		return false, true
	}
	return e.both().remote.IsValid(), true
}

func (e *Event) fdNameChanged() (bool, bool) {
	if !e.hasFD() {
		return false, false
	}
	switch e.info.Name {
	case "connect", "sendto", "sendmsg", "recvfrom", "recvmsg":
		return e.rec.Event.Ret >= 0 || e.rec.Event.Ret == inProgress, true
	}
	return false, true
}

func ipOf(end func(*Event) (netip.AddrPort, bool)) func(*Event) (netip.Addr, bool) {
	return func(e *Event) (netip.Addr, bool) {
		a, ok := end(e)
		return a.Addr(), ok
	}
}

func portOf(end func(*Event) (netip.AddrPort, bool)) func(*Event) (int64, bool) {
	return func(e *Event) (int64, bool) {
		a, ok := end(e)
		return int64(a.Port()), ok
	}
}

func serviceOf(end func(*Event) (netip.AddrPort, bool)) func(*Event) (string, bool) {
	return func(e *Event) (string, bool) {
		a, ok := end(e)
		return ServiceName(a.Port()), ok
	}
}
