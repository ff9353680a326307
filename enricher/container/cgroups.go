package container

import (
	"os"
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// key names a cgroup: ids are unique within their hierarchy only.
type key struct {
	hierarchy uint32
	id        uint64
}

// cgroup is a cgroup by its path.
type cgroup struct {
	path string
	ref  Ref
	// in says that ref names a container.
	in bool
	// maybe is what containerd would call a container with a cgroup of this
	// path, see [Namespaced]; it is one when containerd says so. Of a cgroup
	// that is in, it would be the container around.
	maybe string
	own   bool // the path ends with maybe
	entry *entry
	gone  int64 // time of the removal, ns since the epoch
}

// cgroups are the cgroups of one boot.
type cgroups struct {
	max         int
	proc        string
	hierarchies []*hierarchy
	pids        uint32 // id of the hierarchy of the v1 pids controller
	m           map[key]*cgroup
	// byPath serves processes of which only the path is known.
	byPath map[string]*cgroup
}

func newCgroups(max int, proc string) *cgroups {
	return &cgroups{max: max, proc: proc, m: make(map[key]*cgroup), byPath: make(map[string]*cgroup)}
}

func newCgroup(path string) *cgroup {
	c := &cgroup{path: path}
	c.ref, c.in = Parse(path)
	if namespace, id, inside, ok := Namespaced(path); ok && !IsID(id) && c.ref.Parent == "" {
		c.maybe, c.own = namespace+"/"+id, !inside
	}
	return c
}

// walk enters all cgroups that there are.
func (c *cgroups) walk() error {
	for _, h := range c.hierarchies {
		if err := h.walk(func(id uint64, path string) {
			k := key{h.id, id}
			if old := c.m[k]; old == nil || old.path != path {
				c.put(k, newCgroup(path))
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

func (c *cgroups) put(k key, g *cgroup) {
	if len(c.m) >= c.max {
		c.shrink()
	}
	c.m[k] = g
}

// shrink makes room: the gone first, then any.
func (c *cgroups) shrink() {
	want := c.max - c.max/8
	for k, g := range c.m {
		if g.gone != 0 {
			delete(c.m, k)
		}
	}
	for k := range c.m {
		if len(c.m) <= want {
			return
		}
		delete(c.m, k)
	}
}

// expire forgets those gone before a time.
func (c *cgroups) expire(before int64) {
	for k, g := range c.m {
		if g.gone != 0 && g.gone < before {
			delete(c.m, k)
		}
	}
}

// of returns the cgroup to go by for a process, nil when nothing is known.
func (c *cgroups) of(p *msg.Process, ask bool) *cgroup {
	var v2, v1 *cgroup
	if p.CgroupId != 0 {
		if v2 = c.get(key{0, p.CgroupId}, p, ask); v2 != nil && v2.in {
			return v2
		}
	}
	if p.CgroupV1Id != 0 && c.pids != 0 { // a recording does not say which hierarchy it is of
		if v1 = c.get(key{c.pids, p.CgroupV1Id}, p, ask); v1 != nil && v1.in {
			return v1
		}
	}
	if v2 == nil && v1 == nil {
		return c.ofPath(p.Cgroup)
	}
	if v2 == nil || v1 != nil && v1.path != "" && (v2.path == "" || v2.path == "/") {
		return v1
	}
	return v2
}

func (c *cgroups) ofPath(path string) *cgroup {
	if path == "" {
		return nil
	}
	g := c.byPath[path]
	if g == nil {
		if len(c.byPath) >= c.max/4 {
			clear(c.byPath)
		}
		path = strings.Clone(path)
		g = newCgroup(path)
		c.byPath[path] = g
	}
	return g
}

// get returns a cgroup by its id. With ask it looks for one that is missing,
// once: what is not found is entered without a path.
func (c *cgroups) get(k key, p *msg.Process, ask bool) *cgroup {
	if g, ok := c.m[k]; ok {
		return g
	}
	if !ask {
		return nil
	}
	g := newCgroup(c.find(k, p))
	c.put(k, g)
	return g
}

func (c *cgroups) find(k key, p *msg.Process) string {
	for _, h := range c.hierarchies {
		if h.id == k.hierarchy {
			if path, err := h.byID(k.id); err == nil {
				return path
			}
		}
	}
	if p.Pid <= 0 {
		return ""
	}
	// The process may have moved since, but seldom has.
	text, err := os.ReadFile(c.proc + "/" + strconv.Itoa(int(p.Pid)) + "/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		_, path, _ := strings.Cut(rest, ":")
		if id == strconv.FormatUint(uint64(k.hierarchy), 10) {
			return strings.TrimSuffix(path, " (deleted)")
		}
	}
	return ""
}
