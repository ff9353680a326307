// Package containerpath finds the containers that the paths of control groups
// name, in the ways of Docker, Podman, containerd, CRI-O and LXC, with systemd's
// cgroup driver and without. The sensor and the enricher must agree on it.
package containerpath

import "strings"

// Ref is a container as the path of a cgroup names it.
type Ref struct {
	// ID is the full id, a name for LXC.
	ID string
	// Runtime is docker, podman, containerd, crio or lxc, "" where the path
	// does not tell.
	Runtime string
	// Parent is the container around it, "" for none.
	Parent string
	// PodUID is the Kubernetes pod, "" for none.
	PodUID string
	// Own says that the path ends with the container: it is the container's own
	// cgroup, not one that was made inside.
	Own bool
}

// idLength is how many hexadecimal digits the ids of all runtimes but LXC have.
const idLength = 64

// Parse finds the container that a cgroup path names. Of nested ones it is the
// innermost.
func Parse(path string) (Ref, bool) {
	var r Ref
	found := false
	kube := false
	before := "" // the segment before
	for rest := path; rest != ""; {
		var seg string
		seg, rest, _ = strings.Cut(rest, "/")
		if seg == "" {
			continue
		}
		kube = kube || strings.Contains(seg, "kubepods")
		if uid, ok := podUID(seg, kube); ok {
			r.PodUID = uid
		}
		id, runtime, ok := segment(seg, before)
		before = seg
		if ok {
			if found && id != r.ID {
				r.Parent = r.ID
			}
			r.ID, r.Runtime, found = id, runtime, true
			r.Own = strings.Trim(rest, "/") == ""
			before = "" // the container's name is no runtime's
		}
	}
	return r, found
}

// prefixes are what stands before the id in the name of a scope, longest
// first where one begins another.
func prefixes() [8][2]string {
	return [...][2]string{
		{"docker", "docker"},
		{"cri-containerd", "containerd"},
		{"nerdctl", "containerd"},
		{"containerd", "containerd"},
		{"crio", "crio"},
		{"libpod-payload", "podman"},
		{"libpod", "podman"},
		{"podman", "podman"},
	}
}

// segment reads one name of a path; before is the one that it is in.
func segment(seg, before string) (id, runtime string, ok bool) {
	if strings.Contains(seg, "conmon") {
		return "", "", false // the monitor of a container, outside of it
	}
	if name, found := strings.CutPrefix(seg, "lxc.payload."); found && name != "" {
		return name, "lxc", true
	}
	if before == "lxc" {
		return seg, "lxc", true
	}
	name := strings.TrimSuffix(seg, ".scope")
	if len(name) < idLength || !IsID(name[len(name)-idLength:]) {
		return "", "", false
	}
	id, head := name[len(name)-idLength:], name[:len(name)-idLength]
	switch {
	case head == "":
		if before == "docker" || before == "actions_job" {
			return id, "docker", true
		}
		return id, "", true
	case strings.HasSuffix(head, ":"):
		// A systemd path "slice:prefix:id" taken literally by cgroupfs.
		head = strings.TrimSuffix(head, ":")
		head = head[strings.LastIndexByte(head, ':')+1:]
	case strings.HasSuffix(head, "-"):
		head = strings.TrimSuffix(head, "-")
	default:
		return "", "", false
	}
	for _, p := range prefixes() {
		if head == p[0] {
			return id, p[1], true
		}
	}
	return id, "", true
}

// IsID says whether a name has the form of the ids that all runtimes but LXC
// give: 64 hexadecimal digits.
func IsID(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == idLength
}

// podUID reads the segment of a Kubernetes pod: pod<uid> of the cgroupfs
// driver, …-pod<uid with underscores>.slice of the systemd driver, which may
// be followed by :cri-containerd:<id>.
func podUID(seg string, kube bool) (string, bool) {
	if !kube {
		return "", false
	}
	seg, _, _ = strings.Cut(seg, ":")
	if s, ok := strings.CutSuffix(seg, ".slice"); ok {
		if i := strings.LastIndex(s, "-pod"); i >= 0 && i+4 < len(s) {
			return strings.ReplaceAll(s[i+4:], "_", "-"), true
		}
		return "", false
	}
	uid, ok := strings.CutPrefix(seg, "pod")
	return uid, ok && uid != ""
}
