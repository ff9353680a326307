package input

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// addressOf reads a socket address.
func addressOf(v any) (*msg.SocketAddress, error) {
	switch v := v.(type) {
	case string:
		return Address(v)
	case map[string]string:
		return addressOfMap(func(key string) string { return v[key] })
	case map[string]any:
		return addressOfMap(func(key string) string {
			if x, ok := v[key]; ok {
				return fmt.Sprint(x)
			}
			return ""
		})
	}
	return nil, mismatch(v, "a socket address")
}

func addressOfMap(get func(string) string) (*msg.SocketAddress, error) {
	text := get("sa_family")
	family, ok := addressFamily(text)
	if !ok {
		return nil, fmt.Errorf("there is no address family %q", text)
	}
	a := &msg.SocketAddress{Family: family}
	var err error
	switch family {
	case msg.AFUnix:
		a.Path = get("sun_path")
	case msg.AFInet:
		err = setIP(a, get("sin_addr"), get("sin_port"), "0")
	case msg.AFInet6:
		err = setIP(a, get("sin6_addr"), get("sin6_port"), get("sin6_scopeid"))
	}
	return a, err
}

// addressFamily reads AF_INET or a number.
func addressFamily(text string) (uint32, bool) {
	values, _ := catalogue.LookupValues("address_family")
	n, ok := values.Parse(text)
	if !ok {
		// What has no name in the catalogue is written AF_16.
		n, err := strconv.ParseUint(strings.TrimPrefix(text, "AF_"), 10, 16)
		return uint32(n), err == nil
	}
	return uint32(n), ok && n <= 1<<16
}

func setIP(a *msg.SocketAddress, ip, port, scope string) error {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return fmt.Errorf("%q is not an IP address", ip)
	}
	switch {
	case a.Family == msg.AFInet && addr.Is4In6():
		addr = addr.Unmap()
	case a.Family == msg.AFInet6 && addr.Is4():
		addr = netip.AddrFrom16(addr.As16()) // Tracee writes mapped addresses so
	}
	if addr.Is4() != (a.Family == msg.AFInet) {
		return fmt.Errorf("%q is not an address of its family", ip)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("%q is not a port", port)
	}
	id, _ := strconv.ParseUint(scope, 10, 32)
	a.Ip, a.Port, a.Scope = addr.AsSlice(), uint32(n), uint32(id)
	return nil
}

// Address reads an address as [msg.SocketAddress.Text] writes it: host:port, a
// path of a Unix socket (@ for the abstract namespace), "family N".
func Address(s string) (*msg.SocketAddress, error) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		a := &msg.SocketAddress{Family: msg.AFInet, Ip: ap.Addr().AsSlice(), Port: uint32(ap.Port())}
		if ap.Addr().Is6() {
			a.Family = msg.AFInet6
			id, _ := strconv.ParseUint(ap.Addr().Zone(), 10, 32)
			a.Scope = uint32(id)
		}
		return a, nil
	}
	if n, ok := strings.CutPrefix(s, "family "); ok {
		family, ok := addressFamily(n)
		if !ok {
			return nil, fmt.Errorf("there is no address family %q", n)
		}
		return &msg.SocketAddress{Family: family}, nil
	}
	if s == "" || s[0] == '/' || s[0] == '@' {
		return &msg.SocketAddress{Family: msg.AFUnix, Path: s}, nil
	}
	return nil, fmt.Errorf("%q is not an address, expected host:port, a path or \"family N\"", s)
}

// credentialsOf reads credentials in Tracee's and in Tripline's form.
func credentialsOf(v any) (*msg.Credentials, error) {
	switch v := v.(type) {
	case trace.SlimCred:
		return credentials(v), nil
	case *trace.SlimCred:
		return credentials(*v), nil
	case map[string]any:
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		if _, own := v["uid"]; own {
			var c msg.CredJSON
			if err := json.Unmarshal(text, &c); err != nil {
				return nil, err
			}
			return ownCredentials(c), nil
		}
		var c trace.SlimCred
		if err := json.Unmarshal(text, &c); err != nil {
			return nil, err
		}
		return credentials(c), nil
	}
	return nil, mismatch(v, "credentials")
}

func credentials(c trace.SlimCred) *msg.Credentials {
	return &msg.Credentials{
		Uid: c.Uid, Gid: c.Gid, Suid: c.Suid, Sgid: c.Sgid, Euid: c.Euid, Egid: c.Egid, Fsuid: c.Fsuid, Fsgid: c.Fsgid,
		UserNs: c.UserNamespace, Securebits: c.SecureBits,
		CapInheritable: c.CapInheritable, CapPermitted: c.CapPermitted, CapEffective: c.CapEffective,
		CapBounding: c.CapBounding, CapAmbient: c.CapAmbient,
	}
}

func ownCredentials(c msg.CredJSON) *msg.Credentials {
	return &msg.Credentials{
		Uid: c.UID, Gid: c.GID, Suid: c.SUID, Sgid: c.SGID, Euid: c.EUID, Egid: c.EGID, Fsuid: c.FSUID, Fsgid: c.FSGID,
		UserNs: c.UserNS, Securebits: c.SecureBits,
		CapInheritable: c.CapInheritable, CapPermitted: c.CapPermitted, CapEffective: c.CapEffective,
		CapBounding: c.CapBounding, CapAmbient: c.CapAmbient,
	}
}
