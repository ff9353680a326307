package rego

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// typeString is what Tracee calls the type of an argument whose number it has
// turned into a name; alert and syscall keep theirs.
const typeString = "string"

// arg returns an argument as Tracee gives it to rules with its option
// parse-arguments: flags and other named numbers as text, pointers in hex,
// bytes in base64, addresses and credentials as objects.
func (d *document) arg(v msg.Value) (value any, typ string) {
	typ = v.Param.Type
	switch v.Param.Kind {
	case catalogue.Flags, catalogue.Enum, catalogue.Signal:
		if v.Param.Values == nil {
			return v.Word, typ
		}
		if name := v.Param.Name; name == "alert" || name == "syscall" {
			return v.Text(), typ
		}
		return v.Text(), typeString
	case catalogue.Mode:
		return v.Text(), typeString
	case catalogue.Pointer:
		return v.Text(), typ
	case catalogue.Uint:
		return unsigned(uint64(v.Word)), typ
	case catalogue.Bool:
		return v.Word != 0, typ
	case catalogue.String, catalogue.Path:
		return d.text(v.Str()), typ
	case catalogue.Bytes:
		return d.base64(v.Bytes()), typ
	case catalogue.Strings:
		return d.texts(v.Strings()), typ
	case catalogue.SockAddr:
		return d.address(v.Addr()), typ
	case catalogue.Cred:
		return credentials(v.Cred()), typ
	default:
		return v.Word, typ
	}
}

// text makes a string fit for rules: valid UTF-8 as JSON would carry it, and
// not longer than the limit.
func (d *document) text(s string) string {
	s = clip(s, d.max)
	if utf8.ValidString(s) {
		return s
	}
	return clip(string([]rune(s)), d.max)
}

// clip cuts s to at most n bytes, not within a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (d *document) texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = d.text(s)
	}
	return out
}

// base64 encodes as much as fits the limit.
func (d *document) base64(b []byte) string {
	return base64.StdEncoding.EncodeToString(b[:min(len(b), d.max/4*3)])
}

// familyName is the name of an address family, its number where we know none.
func familyName(family uint32) string {
	switch family {
	case msg.AFUnspec:
		return "AF_UNSPEC"
	case msg.AFUnix:
		return "AF_UNIX"
	case msg.AFInet:
		return "AF_INET"
	case msg.AFInet6:
		return "AF_INET6"
	default:
		return strconv.FormatUint(uint64(family), 10)
	}
}

// address is the object, all of strings, that Tracee makes of a sockaddr.
func (d *document) address(a *msg.SocketAddress) map[string]any {
	out := map[string]any{"sa_family": familyName(a.GetFamily())}
	ip, port := "", strconv.FormatUint(uint64(a.GetPort()), 10)
	if addr := a.Addr(); addr.IsValid() {
		ip = addr.String()
	}
	switch a.GetFamily() {
	case msg.AFUnix:
		out["sun_path"] = d.text(a.GetPath())
	case msg.AFInet:
		out["sin_addr"], out["sin_port"] = ip, port
	case msg.AFInet6:
		out["sin6_addr"], out["sin6_port"] = ip, port
		out["sin6_scopeid"] = strconv.FormatUint(uint64(a.GetScope()), 10)
	}
	return out
}

// unsigned is a number as OPA takes it: what is beyond int64 would come out
// negative from a uint64.
func unsigned(n uint64) any {
	if n <= math.MaxInt64 {
		return int64(n)
	}
	return json.Number(strconv.FormatUint(n, 10))
}

// credentials is the object that Tracee makes of a struct cred.
func credentials(c *msg.Credentials) map[string]any {
	n := func(v uint32) any { return int64(v) }
	return map[string]any{
		"Uid": n(c.Uid), "Gid": n(c.Gid), "Suid": n(c.Suid), "Sgid": n(c.Sgid), "Euid": n(c.Euid), "Egid": n(c.Egid),
		"Fsuid": n(c.Fsuid), "Fsgid": n(c.Fsgid), "UserNamespace": n(c.UserNs), "SecureBits": n(c.Securebits),
		"CapInheritable": unsigned(c.CapInheritable), "CapPermitted": unsigned(c.CapPermitted), "CapEffective": unsigned(c.CapEffective),
		"CapBounding": unsigned(c.CapBounding), "CapAmbient": unsigned(c.CapAmbient),
	}
}
