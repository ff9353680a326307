package fields

// Flags of open(2), as x86-64 numbers them; the sensor translates others.
const (
	openAccess    = 3
	openWriteOnly = 1
	openReadWrite = 2
	openCreate    = 0o100
	openDirectory = 0o200000
	openTemporary = 0o20200000
)

// Opens says whether an event type opens a file by its path.
func Opens(name string) bool {
	switch name {
	case "open", "openat", "openat2", "creat", "open_by_handle_at":
		return true
	}
	return false
}

// returnsFD says whether the event's result is the descriptor it is about.
func returnsFD(name string) bool {
	switch name {
	case "socket", "accept", "accept4", "memfd_create", "userfaultfd", "pidfd_open", "pidfd_getfd",
		"eventfd", "eventfd2", "epoll_create", "epoll_create1", "timerfd_create", "signalfd", "signalfd4",
		"inotify_init", "inotify_init1", "bpf", "fsopen", "io_uring_setup":
		return true
	}
	return Opens(name)
}

func (e *Event) openFlags() int64 {
	if e.info.Name == "creat" {
		return openWriteOnly | openCreate
	}
	if v, ok := e.rec.ArgAt(e.argv.flags); ok {
		return v.Word
	}
	if f := e.rec.File(); f != nil {
		return int64(f.Flags)
	}
	return 0
}

func (e *Event) isOpenRead() bool {
	return e.argv.opens && e.openFlags()&openAccess != openWriteOnly
}

func (e *Event) isOpenWrite() bool {
	if !e.argv.opens {
		return false
	}
	access := e.openFlags() & openAccess
	return access == openWriteOnly || access == openReadWrite
}

// isOpenExec is true for a file created with a bit that lets it be executed.
func (e *Event) isOpenExec() bool {
	if !e.argv.opens || e.openFlags()&(openCreate|openTemporary&^openDirectory) == 0 {
		return false
	}
	if i, ok := e.argv.pos["mode"]; ok {
		if v, ok := e.rec.ArgAt(i); ok {
			return v.Word&0o111 != 0
		}
	}
	return false
}
