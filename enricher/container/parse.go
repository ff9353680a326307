package container

import (
	"strings"

	"github.com/tripline/tripline/internal/containerpath"
)

// Ref is a container as the path of a cgroup names it.
type Ref = containerpath.Ref

// Parse finds the container that a cgroup path names. Of nested ones it is the
// innermost.
func Parse(path string) (Ref, bool) { return containerpath.Parse(path) }

// IsID says whether a name has the form of the ids that all runtimes but LXC
// give.
func IsID(s string) bool { return containerpath.IsID(s) }

// Namespaced reads the path that containerd gives to a container outside of
// Kubernetes with the cgroupfs driver: /<namespace>/<any id>, and whether it
// goes on inside. Other software makes such paths too, so they name a container
// only when containerd says so.
func Namespaced(path string) (namespace, id string, inside, ok bool) {
	namespace, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	id, _, inside = strings.Cut(rest, "/")
	if namespace == "" || id == "" {
		return "", "", false, false
	}
	for _, unit := range []string{".slice", ".scope", ".service", ".mount"} {
		if strings.HasSuffix(namespace, unit) || strings.HasSuffix(id, unit) {
			return "", "", false, false
		}
	}
	return namespace, id, inside, true
}

// PathOf picks the path to show from the text of /proc/PID/cgroup: the one that
// names a container, else that of version 2, else that of the pids controller.
func PathOf(text []byte) string {
	var v2, pids, other string
	for rest := string(text); rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		// N:controllers:/path; a path may hold colons.
		_, line, _ = strings.Cut(line, ":")
		controllers, path, ok := strings.Cut(line, ":")
		if !ok || path == "" {
			continue
		}
		path = strings.TrimSuffix(path, " (deleted)")
		switch {
		case controllers == "":
			v2 = path
		case hasController(controllers, "pids"):
			pids = path
		case path != "/":
			other = path
		}
	}
	for _, p := range []string{v2, pids, other} {
		if _, ok := Parse(p); ok {
			return p
		}
	}
	for _, p := range []string{v2, pids, other} {
		if p != "" && p != "/" {
			return p
		}
	}
	if v2 != "" || pids != "" {
		return "/"
	}
	return ""
}

func hasController(list, name string) bool {
	for c := range strings.SplitSeq(list, ",") {
		if c == name {
			return true
		}
	}
	return false
}
