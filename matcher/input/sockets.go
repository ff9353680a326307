package input

// sockets follows which descriptors are connections, for streams that tell of
// copies of descriptors (dup, dup2, dup3) and not of copied connections
// (socket_dup), which Tracee 0.7 records only when it is asked for them. The
// event that is missing is added.
type sockets struct {
	off  bool // the stream has events of its own
	open map[processKey]map[int64]any
}

// maxSocketProcesses bounds the table, as maxProcesses does.
const maxSocketProcesses = 1 << 14

// note learns from an event and returns the one to add after it, or nil.
func (s *sockets) note(e *Event) *Event {
	if s.off {
		return nil
	}
	key := processKey{e.Host, e.Process.Pid}
	switch e.Name {
	case "socket_dup":
		s.off, s.open = true, nil
	case "security_socket_connect":
		if fd, ok := fdOf(e, "sockfd"); ok {
			s.set(key, fd, valueOf(e, "remote_addr"))
		}
	case "close":
		if fd, ok := fdOf(e, "fd"); ok {
			delete(s.open[key], fd)
		}
	case "sched_process_exit":
		if e.Tid == e.Process.Pid {
			delete(s.open, key)
		}
	case "dup", "dup2", "dup3":
		return s.copied(e, key)
	}
	return nil
}

func (s *sockets) copied(e *Event, key processKey) *Event {
	from, ok := fdOf(e, "oldfd")
	if !ok || e.Return < 0 {
		return nil
	}
	to := e.Return
	if fd, given := fdOf(e, "newfd"); given {
		to = fd
	}
	addr := s.open[key][from]
	if addr == nil {
		delete(s.open[key], to)
		return nil
	}
	s.set(key, to, addr)
	out := *e
	out.Name, out.Return = "socket_dup", 0
	out.Args = []Arg{{Name: "oldfd", Value: from}, {Name: "newfd", Value: to}, {Name: "remote_addr", Value: addr}}
	return &out
}

func (s *sockets) set(key processKey, fd int64, addr any) {
	if s.open == nil || len(s.open) >= maxSocketProcesses {
		s.open = make(map[processKey]map[int64]any)
	}
	if s.open[key] == nil {
		s.open[key] = make(map[int64]any)
	}
	s.open[key][fd] = addr
}

func valueOf(e *Event, name string) any {
	for _, a := range e.Args {
		if a.Name == name {
			return a.Value
		}
	}
	return nil
}

func fdOf(e *Event, name string) (int64, bool) {
	v := valueOf(e, name)
	if v == nil {
		return 0, false
	}
	n, err := integer(v)
	return n, err == nil
}
