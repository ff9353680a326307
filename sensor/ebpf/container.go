//go:build cgo && linux

package ebpf

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/internal/containerpath"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Catalogue ids of what is told of containers and of the host, which no kernel
// program makes: it follows from control groups and from the first process.
const (
	eventContainerCreate   = catalogue.ID(1006)
	eventContainerRemove   = catalogue.ID(1007)
	eventExistingContainer = catalogue.ID(1008)
	eventInitNamespaces    = catalogue.ID(1009)
)

// container tells of a container that begins or ends with its control group. A
// container has a group in every hierarchy; the first that is made, and the
// removal of that, count. Image and name are the enricher's to add.
func (d *decoder) container(h *rawHead, of *msg.Event, hierarchy uint32, path []byte) {
	if h.event != eventCgroupMkdir && h.event != eventCgroupRmdir {
		return
	}
	ref, ok := containerpath.Parse(string(path))
	if !ok || !ref.Own {
		return
	}
	first, known := d.containers[ref.ID]
	id := eventContainerCreate
	switch {
	case h.event == eventCgroupMkdir && !known:
		d.containers[ref.ID] = hierarchy
	case h.event == eventCgroupRmdir && known && first == hierarchy:
		delete(d.containers, ref.ID)
		id = eventContainerRemove
	default:
		return
	}
	e := d.event(len(d.plans[id].args))
	e.Time, e.Type, e.Process, e.Tid, e.NsTid, e.Comm, e.Cpu = of.Time, uint32(id), of.Process, of.Tid, of.NsTid, of.Comm, of.Cpu
	d.containerArgs(e, id, ref, of.Time)
}

func (d *decoder) containerArgs(e *msg.Event, id catalogue.ID, ref containerpath.Ref, made int64) {
	text := func(s string) value { return value{d.String(s), s != ""} }
	for i, a := range d.plans[id].args {
		var v value
		switch a.name {
		case "runtime":
			v = text(ref.Runtime)
		case "container_id":
			v = text(ref.ID)
		case "pod_uid":
			v = text(ref.PodUID)
		case "ctime":
			v = number(made)
		}
		set(e, i, v)
	}
}

// begin tells what was there before: the namespaces of the host, and the
// containers.
func (d *decoder) begin(first *msg.Process) {
	process := d.full(first)
	now := d.clock.boot + sinceBoot()
	add := func(id catalogue.ID) *msg.Event {
		e := d.event(len(d.plans[id].args))
		e.Time, e.Type, e.Process, e.Tid, e.NsTid = now, uint32(id), process, first.Pid, first.NsPid
		e.Comm = uint32(d.String(first.Comm))
		d.grow(1)
		return e
	}
	e := add(eventInitNamespaces)
	for i, a := range d.plans[eventInitNamespaces].args {
		set(e, i, initNamespace(first, a.name))
	}
	for _, x := range existingContainers() {
		if _, known := d.containers[x.ref.ID]; known {
			continue
		}
		d.containers[x.ref.ID] = x.hierarchy
		d.containerArgs(add(eventExistingContainer), eventExistingContainer, x.ref, x.ctime)
	}
}

// initNamespace is the number of one of the first process's namespaces. What
// its children get is known only where /proc shows the host's processes.
func initNamespace(first *msg.Process, name string) value {
	ns := first.Ns
	of := map[string]uint32{
		"cgroup": ns.Cgroup, "ipc": ns.Ipc, "mnt": ns.Mnt, "net": ns.Net, "pid": ns.Pid,
		"time": ns.Time, "user": ns.User, "uts": ns.Uts,
	}
	if n, ok := of[name]; ok {
		return value{int64(n), n != 0}
	}
	var st unix.Stat_t
	if unix.Stat("/proc/1/ns/pid", &st) != nil || uint32(st.Ino) != ns.Pid || unix.Stat("/proc/1/ns/"+name, &st) != nil {
		return value{}
	}
	return value{int64(st.Ino), true}
}

// sinceBoot is what the kernel's programs call now, ns since boot.
func sinceBoot() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return ts.Nano()
}

// existing is a container whose control group is there.
type existing struct {
	ref       containerpath.Ref
	hierarchy uint32
	ctime     int64 // of the control group's directory
}

// existingContainers walks the hierarchies of version 2 and of version 1's pids
// controller.
func existingContainers() []existing {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil
	}
	var out []existing
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 4 || f[2] != "cgroup2" && (f[2] != "cgroup" || !slices.Contains(strings.Split(f[3], ","), "pids")) {
			continue
		}
		hierarchy := uint32(0)
		if f[2] == "cgroup" {
			hierarchy = pidsHierarchy()
		}
		root := f[1]
		// A directory that is gone meanwhile was no container's to tell of.
		_ = filepath.WalkDir(root, func(p string, dir fs.DirEntry, err error) error {
			if err != nil || !dir.IsDir() {
				return nil
			}
			ref, ok := containerpath.Parse(strings.TrimPrefix(p, root))
			var st unix.Stat_t
			if ok && ref.Own && unix.Lstat(p, &st) == nil {
				out = append(out, existing{ref, hierarchy, st.Ctim.Nano()})
			}
			return nil
		})
	}
	return out
}

// pidsHierarchy is the number of version 1's hierarchy with the pids controller,
// as in /proc/self/cgroup.
func pidsHierarchy() uint32 {
	b, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(line, ":", 3)
		if len(f) == 3 && slices.Contains(strings.Split(f[1], ","), "pids") {
			n, _ := strconv.ParseUint(f[0], 10, 32)
			return uint32(n)
		}
	}
	return 0
}
