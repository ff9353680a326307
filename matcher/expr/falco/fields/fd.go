package fields

import (
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Numbers of Linux that paths and descriptors are described with.
const (
	atFDCWD = -100

	modeMask   = 0o170000
	modeSocket = 0o140000
	modeLink   = 0o120000
	modeFile   = 0o100000
	modeBlock  = 0o060000
	modeDir    = 0o040000
	modeChar   = 0o020000
	modePipe   = 0o010000

	openAccess    = 3
	openWriteOnly = 1
	openReadWrite = 2
	openCreate    = 0o100
	openDirectory = 0o200000
	openTemporary = 0o20200000

	sockStream = 1
	sockDgram  = 2
	sockRaw    = 3
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

// fdNum is the descriptor that the event is about; -1 after a failed open.
func (e *Event) fdNum() (int64, bool) {
	switch {
	case e.argv.returnsFD:
		return max(e.rec.Event.Ret, -1), true
	case e.rec.File() != nil:
		return int64(e.rec.File().Fd), true
	}
	for _, n := range []string{"fd", "oldfd"} {
		if i, ok := e.argv.pos[n]; ok {
			if v, ok := e.rec.ArgAt(i); ok && v.Param.Kind == catalogue.FD {
				return v.Word, true
			}
		}
	}
	return 0, false
}

// hasFD says whether the event is about a descriptor at all.
func (e *Event) hasFD() bool {
	_, ok := e.fdNum()
	return ok
}

func modeType(mode uint32) string {
	switch mode & modeMask {
	case modeDir:
		return "directory"
	case modePipe:
		return "pipe"
	case modeSocket:
		return "unix"
	case modeFile, modeChar, modeBlock, modeLink:
		return "file"
	}
	return ""
}

// fdType is found once an event.
func (e *Event) fdType() (string, bool) {
	if e.kindAt != e.stamp {
		e.kind, e.kindOK = e.findType()
		e.kindAt = e.stamp
	}
	return e.kind, e.kindOK
}

func (e *Event) findType() (string, bool) {
	f := e.rec.File()
	if a := firstAddr(f); a != nil {
		switch a.Family {
		case msg.AFInet:
			return "ipv4", true
		case msg.AFInet6:
			return "ipv6", true
		case msg.AFUnix:
			return "unix", true
		}
	}
	if f != nil {
		if kind, ok := anonymous(f.Path); ok {
			return kind, true
		}
		if t := modeType(f.Mode); t != "" {
			return t, true
		}
		if f.Path != "" {
			return "file", true
		}
		return "", false
	}
	if Opens(e.info.Name) {
		if e.openFlags()&openDirectory != 0 {
			return "directory", true
		}
		return "file", true
	}
	switch e.sockAddr().GetFamily() {
	case msg.AFInet:
		return "ipv4", true
	case msg.AFInet6:
		return "ipv6", true
	case msg.AFUnix:
		return "unix", true
	}
	return "", false
}

// anonymous names the kinds of descriptors without a file, by the path that
// the kernel gives them.
func anonymous(p string) (string, bool) {
	switch {
	case strings.HasPrefix(p, "/memfd:"), strings.HasPrefix(p, "memfd:"):
		return "memfd", true
	case strings.HasPrefix(p, "pipe:"):
		return "pipe", true
	case strings.HasPrefix(p, "socket:"):
		return "unix", true
	case !strings.HasPrefix(p, "anon_inode:"):
		return "", false
	}
	switch name := strings.Trim(strings.TrimPrefix(p, "anon_inode:"), "[]"); name {
	case "eventfd":
		return "event", true
	case "io_uring", "bpf", "bpf-map", "bpf-prog":
		return strings.SplitN(name, "-", 2)[0], true
	default:
		return name, true
	}
}

func (e *Event) fdTypeChar() (string, bool) {
	t, ok := e.fdType()
	if !ok {
		return "", false
	}
	switch t {
	case "file":
		return "f", true
	case "directory":
		return "d", true
	case "ipv4":
		return "4", true
	case "ipv6":
		return "6", true
	case "unix":
		return "u", true
	case "pipe":
		return "p", true
	case "event":
		return "e", true
	case "signalfd":
		return "s", true
	case "eventpoll":
		return "l", true
	case "inotify":
		return "i", true
	case "timerfd":
		return "t", true
	case "memfd":
		return "m", true
	case "bpf":
		return "b", true
	case "userfaultfd":
		return "u", true
	case "io_uring":
		return "r", true
	case "pidfd":
		return "P", true
	}
	return "o", true
}

func isSocket(t string) bool { return t == "ipv4" || t == "ipv6" }

// fdName is the path of a file, or both ends of a connection.
func (e *Event) fdName() (string, bool) {
	t, ok := e.fdType()
	if ok && isSocket(t) {
		return e.tuple(), true
	}
	if f := e.rec.File(); f != nil {
		if t == "unix" {
			for _, a := range []*msg.SocketAddress{f.Remote, f.Local} {
				if a.GetPath() != "" {
					return a.Path, true
				}
			}
		}
		if f.Path != "" {
			return f.Path, true
		}
	}
	if t == "unix" {
		if p := e.sockAddr().GetPath(); p != "" {
			return p, true
		}
	}
	if Opens(e.info.Name) {
		return e.pathParam("name", "path")
	}
	return "", false
}

// fdNameRaw is the path as it was given, repeated slashes collapsed.
func (e *Event) fdNameRaw() (string, bool) {
	if raw, ok := e.rawPath("name", "path", "filename"); ok && (Opens(e.info.Name) || !e.hasFD()) {
		for strings.Contains(raw, "//") {
			raw = strings.ReplaceAll(raw, "//", "/")
		}
		return raw, true
	}
	return e.fdName()
}

func (e *Event) fdDirectory() (string, bool) {
	t, ok := e.fdType()
	if !ok || t != "file" && t != "directory" {
		return "", false
	}
	name, ok := e.fdName()
	if !ok {
		return "", false
	}
	i := strings.LastIndexByte(name, '/')
	switch {
	case i > 0:
		return name[:i], true
	case i == 0:
		return "/", true
	}
	return "", true
}

func (e *Event) fdFilename() (string, bool) {
	t, ok := e.fdType()
	if n, has := e.fdNum(); !ok || t != "file" || has && n < 0 {
		return "", false
	}
	name, ok := e.fdName()
	if !ok {
		return "", false
	}
	return name[strings.LastIndexByte(name, '/')+1:], true
}

func (e *Event) fdUID() (string, bool) {
	n, ok := e.fdNum()
	return strconv.Itoa(int(e.rec.Event.Tid)) + itoa(n), ok
}

// ofFile reads a number of the file.
func ofFile(f func(*msg.File) int64) func(*Event) (int64, bool) {
	return func(e *Event) (int64, bool) {
		if file := e.rec.File(); file != nil {
			return f(file), true
		}
		return 0, false
	}
}

func deviceNumber(f *msg.File) int64 { return userDevice(f.Device) }
func deviceMajor(f *msg.File) int64  { return int64(f.Device >> 20) }
func deviceMinor(f *msg.File) int64  { return int64(f.Device & 0xfffff) }
func inode(f *msg.File) int64        { return int64(f.Inode) }

// rawPath is the first of the named parameters that is there, as given.
func (e *Event) rawPath(names ...string) (string, bool) {
	for _, n := range names {
		i, ok := e.argv.pos[n]
		if !ok {
			continue
		}
		if v, ok := e.rec.ArgAt(i); ok && (v.Param.Kind == catalogue.Path || v.Param.Kind == catalogue.String) {
			return v.Str(), true
		}
	}
	return "", false
}

// pathParam is rawPath made absolute.
func (e *Event) pathParam(names ...string) (string, bool) {
	for _, n := range names {
		if raw, ok := e.rawPath(n); ok {
			return e.absolute(n, raw), true
		}
	}
	return "", false
}

// absolute resolves a path against the working directory, or against the
// directory's descriptor where that is known.
func (e *Event) absolute(param, raw string) string {
	if raw == "" {
		return raw
	}
	if strings.HasPrefix(raw, "/") {
		return path.Clean(raw)
	}
	dir := "dirfd"
	switch param {
	case "oldpath":
		dir = "olddirfd"
		if _, ok := e.argv.pos[dir]; !ok {
			dir = "olddir"
		}
	case "newpath":
		dir = "newdirfd"
		if _, ok := e.argv.pos[dir]; !ok {
			dir = "newdir"
		}
	case "linkpath":
		dir = "linkdirfd"
	}
	if i, ok := e.argv.pos[dir]; ok {
		if v, ok := e.rec.ArgAt(i); ok && int32(v.Word) != atFDCWD {
			return "<UNKNOWN>/" + raw
		}
	}
	return path.Clean(e.proc.Cwd + "/" + raw)
}

// absPath is the path argument of the calls that take a directory.
func absPath(e *Event, r *Ref) *Getter {
	var names []string
	switch r.Arg {
	case "src":
		names = []string{"oldpath", "target"}
	case "dst":
		names = []string{"newpath", "linkpath"}
	default:
		names = []string{"name", "path", "filename", "pathname", "oldpath"}
	}
	return &Getter{Str: func() (string, bool) { return e.pathParam(names...) }}
}

// pathAt is a path of a successful call.
func pathAt(raw bool, names ...string) func(*Event) (string, bool) {
	return func(e *Event) (string, bool) {
		if e.rec.Event.Ret < 0 || e.info.Kind != "syscall" {
			return "", false
		}
		if raw {
			return e.rawPath(names...)
		}
		if Opens(e.info.Name) {
			return e.fdName()
		}
		return e.pathParam(names...)
	}
}

func (e *Event) pathSource() (string, bool) {
	if e.info.Name == "mount" {
		return pathAt(true, "dev")(e)
	}
	return pathAt(false, "oldpath", "target")(e)
}

func (e *Event) pathSourceRaw() (string, bool) {
	return pathAt(true, "oldpath", "target", "dev")(e)
}

func (e *Event) pathTarget() (string, bool) {
	return pathAt(false, "newpath", "linkpath", "dir")(e)
}

func (e *Event) pathTargetRaw() (string, bool) {
	return pathAt(true, "newpath", "linkpath", "dir")(e)
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
