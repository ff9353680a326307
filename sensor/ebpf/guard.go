//go:build cgo && linux

package ebpf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guard knows what the source has put into the kernel, and looks once a second
// whether it is still there: whoever has the source's privileges can change its
// maps, take its links and close its descriptors. What is found is put back and
// told in the heartbeat; that the sensor is gone altogether, others notice.
type guard struct {
	links  map[string]linkInfo
	tables []byte // what the programs go by, as it should be
	hooks  map[hook]uint32
	found  []string
	last   time.Time
}

// guardInterval is how often it looks, foundMost how much it keeps.
const (
	guardInterval = time.Second
	foundMost     = 64
)

// linkInfo is the beginning of struct bpf_link_info (linux/bpf.h).
type linkInfo struct {
	kind, id, program, _ uint32
	// cgroup is that of a program on a control group, 0 when it was detached.
	cgroup uint64
	_      [6]uint64
}

// Commands of bpf(2), and the kind of a link to a control group.
const (
	bpfObjGetInfoByFD = 15
	linkCgroup        = 3
)

func infoOfLink(fd int) (linkInfo, error) {
	var info linkInfo
	attr := struct {
		fd, size uint32
		info     uint64
	}{uint32(fd), uint32(unsafe.Sizeof(info)), uint64(uintptr(unsafe.Pointer(&info)))}
	_, _, errno := unix.Syscall(unix.SYS_BPF, bpfObjGetInfoByFD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return info, errno
	}
	return info, nil
}

// guarded is the memory that only this side writes, once the source runs but
// for changes of the demand.
func (s *Source) guarded() [][]byte {
	at := func(from, to uintptr) []byte { return s.mem[from:to] }
	return [][]byte{
		at(0, unsafe.Offsetof(s.shared.m.drops)),
		at(unsafe.Offsetof(s.shared.m.scope), unsafe.Sizeof(*s.shared.m)),
	}
}

// remember notes what there should be; it needs mu.
func (s *Source) remember() {
	s.guard.tables = s.guard.tables[:0]
	for _, b := range s.guarded() {
		s.guard.tables = append(s.guard.tables, b...)
	}
}

// look looks after what is the source's own.
func (s *Source) look(now time.Time) {
	if now.Sub(s.guard.last) < guardInterval {
		return
	}
	s.guard.last = now
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.running {
		return
	}
	s.lookAtTables()
	s.lookAtHooks()
	s.lookAtLinks()
}

func (s *Source) lookAtTables() {
	rest := s.guard.tables
	changed := false
	for _, b := range s.guarded() {
		if !bytes.Equal(b, rest[:len(b)]) {
			changed = true
			copy(b, rest)
		}
		rest = rest[len(b):]
	}
	if changed {
		s.tampered("the tables of what is recorded were changed, and are put back")
	}
}

func (s *Source) lookAtHooks() {
	now, err := s.hooks()
	if err == nil && s.guard.hooks == nil {
		s.guard.hooks = now
	}
	if err != nil || maps.Equal(now, s.guard.hooks) {
		return
	}
	if err := fillHooks(s.module, s.loaded.skipped); err != nil {
		s.log.Error("programs cannot be put back", "error", err)
	}
	s.tampered("programs that derive events were taken out, and are put back")
}

// hooks returns the ids of the programs that calls are passed on to.
func (s *Source) hooks() (map[hook]uint32, error) {
	out := make(map[hook]uint32)
	t, err := s.module.GetMap(hookTable)
	if err != nil {
		return nil, err
	}
	for h := range families() {
		key := uint32(h)
		if v, err := t.GetValue(unsafe.Pointer(&key)); err == nil {
			out[h] = binary.NativeEndian.Uint32(v)
		}
	}
	return out, nil
}

func (s *Source) lookAtLinks() {
	for name, l := range s.links {
		should, known := s.guard.links[name]
		if !known {
			continue
		}
		now, err := infoOfLink(l.FileDescriptor())
		if err == nil && now.id == should.id && (now.kind != linkCgroup || now.cgroup != 0) {
			continue
		}
		// Its descriptor may be another's by now: it is left alone.
		delete(s.links, name)
		delete(s.guard.links, name)
		what := "the program " + name + " was detached"
		if err := s.attach(name); err != nil {
			s.log.Error("a program cannot be attached again", "program", name, "error", err)
		} else {
			what += ", and is attached again"
		}
		s.tampered(what)
	}
}

// tampered notes what was found; it needs mu.
func (s *Source) tampered(what string) {
	s.log.Error("somebody has tampered with the sensor", "what", what)
	s.metrics.tampered.Inc()
	if len(s.guard.found) < foundMost {
		s.guard.found = append(s.guard.found, fmt.Sprintf("%s at %s", what, time.Now().UTC().Format(time.RFC3339)))
	}
}

// Tampered implements [sensor.Guarded].
func (s *Source) Tampered() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.guard.found)
}
