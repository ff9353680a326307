package golang

import (
	"strconv"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/detect/protocol"
	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
)

// convert makes the form in which signatures see an event of this shape.
func convert(ev *matcher.Event, s *shape) protocol.Event {
	e, p := ev.Event, ev.Process()
	out := trace.Event{
		Timestamp:           int(e.Time),
		ProcessorID:         int(e.Cpu),
		ProcessID:           int(p.NsPid),
		ThreadID:            int(e.NsTid),
		ParentProcessID:     int(p.NsPpid),
		HostProcessID:       int(p.Pid),
		HostThreadID:        int(e.Tid),
		HostParentProcessID: int(p.Ppid),
		UserID:              int(p.Cred.GetUid()),
		MountNS:             int(p.Ns.GetMnt()),
		PIDNS:               int(p.Ns.GetPid()),
		ProcessName:         ev.Comm(),
		HostName:            ev.Batch.Host,
		EventID:             int(e.Type),
		EventName:           s.name,
		ReturnValue:         int(e.Ret),
		Args:                s.arguments(ev.Record),
	}
	if c := ev.Container(); c != nil {
		out.ContainerID = c.Id
	}
	// What is not known of the namespace is as on the host, so that the
	// event's own Origin agrees with the matcher's.
	if out.ProcessID == 0 {
		out.ProcessID = out.HostProcessID
	}
	if out.ThreadID == 0 {
		out.ThreadID = out.HostThreadID
	}
	if out.ParentProcessID == 0 && ev.Origin == matcher.HostOrigin {
		out.ParentProcessID = out.HostParentProcessID
	}
	out.ArgsNum = len(out.Args)
	origin := hostOrigin
	if ev.Origin == matcher.ContainerOrigin {
		origin = containerOrigin
	}
	return protocol.Event{
		Headers: protocol.EventHeaders{ContentType: s.contentType, Origin: origin},
		Payload: out,
	}
}

const (
	hostOrigin      = trace.EventSource + "/" + string(trace.HostOrigin)
	containerOrigin = trace.EventSource + "/" + string(trace.ContainerOrigin)
)

// sockaddr lays an address out as Tracee does.
func sockaddr(a *msg.SocketAddress) map[string]string {
	port := strconv.FormatUint(uint64(a.Port), 10)
	switch a.Family {
	case msg.AFUnix:
		return map[string]string{"sa_family": "AF_UNIX", "sun_path": a.Path}
	case msg.AFInet:
		return map[string]string{"sa_family": "AF_INET", "sin_addr": a.Addr().String(), "sin_port": port}
	case msg.AFInet6:
		return map[string]string{
			"sa_family": "AF_INET6", "sin6_addr": a.Addr().String(), "sin6_port": port,
			"sin6_flowinfo": "0", "sin6_scopeid": strconv.FormatUint(uint64(a.Scope), 10),
		}
	default:
		return map[string]string{"sa_family": family(a.Family)}
	}
}

// family names the address families that are met besides the three above; the
// numbers are Linux's (include/linux/socket.h).
func family(f uint32) string {
	switch f {
	case 0:
		return "AF_UNSPEC"
	case 16:
		return "AF_NETLINK"
	case 17:
		return "AF_PACKET"
	case 31:
		return "AF_BLUETOOTH"
	case 38:
		return "AF_ALG"
	case 40:
		return "AF_VSOCK"
	case 44:
		return "AF_XDP"
	default:
		return "AF_" + strconv.FormatUint(uint64(f), 10)
	}
}

func credentials(c *msg.Credentials) trace.SlimCred {
	return trace.SlimCred{
		Uid: c.Uid, Gid: c.Gid, Suid: c.Suid, Sgid: c.Sgid, Euid: c.Euid, Egid: c.Egid, Fsuid: c.Fsuid, Fsgid: c.Fsgid,
		UserNamespace: c.UserNs, SecureBits: c.Securebits,
		CapInheritable: c.CapInheritable, CapPermitted: c.CapPermitted, CapEffective: c.CapEffective,
		CapBounding: c.CapBounding, CapAmbient: c.CapAmbient,
	}
}
