package process

import (
	"bytes"
	"strconv"

	"github.com/tripline/tripline/pkg/msg"
)

// parseStatus takes credentials and the numbers inside the pid namespace from
// /proc/PID/status.
func parseStatus(b []byte, p *msg.Process) {
	c := &msg.Credentials{}
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		key, value, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			continue
		}
		switch string(key) {
		case "Uid":
			fill(value, &c.Uid, &c.Euid, &c.Suid, &c.Fsuid)
		case "Gid":
			fill(value, &c.Gid, &c.Egid, &c.Sgid, &c.Fsgid)
		case "CapInh":
			c.CapInheritable = hex(value)
		case "CapPrm":
			c.CapPermitted = hex(value)
		case "CapEff":
			c.CapEffective = hex(value)
		case "CapBnd":
			c.CapBounding = hex(value)
		case "CapAmb":
			c.CapAmbient = hex(value)
		case "NSpid":
			p.NsPid = innermost(value)
		case "NSpgid":
			p.NsPgid = innermost(value)
		case "NSsid":
			p.NsSid = innermost(value)
		}
	}
	p.Cred = c
}

func fill(value []byte, to ...*uint32) {
	for i, f := range bytes.Fields(value) {
		if i < len(to) {
			n, _ := strconv.ParseUint(string(f), 10, 32)
			*to[i] = uint32(n)
		}
	}
}

func hex(value []byte) uint64 {
	n, _ := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
	return n
}

// innermost returns the last of the numbers that procfs lists from its own pid
// namespace down to the process's.
func innermost(value []byte) int32 {
	f := bytes.Fields(value)
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(f[len(f)-1]), 10, 32)
	return int32(n)
}
