package fields

import (
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Types of st_mode and of sockets, as Linux numbers them.
const (
	modeMask   = 0o170000
	modeSocket = 0o140000
	modeLink   = 0o120000
	modeFile   = 0o100000
	modeBlock  = 0o060000
	modeDir    = 0o040000
	modeChar   = 0o020000
	modePipe   = 0o010000

	sockStream = 1
	sockDgram  = 2
	sockRaw    = 3
)

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
	return directoryOf(name), true
}

func directoryOf(name string) string {
	i := strings.LastIndexByte(name, '/')
	if i == 0 {
		return "/"
	}
	return name[:max(i, 0)]
}

func filenameOf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func (e *Event) fdFilename() (string, bool) {
	t, ok := e.fdType()
	if n, has := e.fdNum(); !ok || t != "file" || has && n < 0 {
		return "", false
	}
	name, ok := e.fdName()
	if !ok {
		return "", false
	}
	return filenameOf(name), true
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
