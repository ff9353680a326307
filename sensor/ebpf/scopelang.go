package ebpf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Scope says whose events are made, as a list of conditions that must all hold
// ("container", "uid!=0"). A condition is
//
//	container        in a container; container=new: in one made after the sensor started
//	container=ID,…   in one of these, by at least twelve digits of the id
//	host             in none
//	process=new      of a process that started after the sensor
//	tree=PID,…       of a process with one of these ids or a descendant of it
//	pid=N,…  uid=N,…  comm=NAME,…  exe=PATH,…  mntns=N,…  pidns=N,…
//	follow           also of the descendants of what the other conditions let through
//
// With "!=" in place of "=" the property must have none of the values, which
// goes for followed processes, too; container!=, tree!= and the six in the line
// of pid take it. Ids of processes and users are those outside of containers;
// comm is a thread's name; exe is an absolute path, as the process itself sees
// it; mntns and pidns are the numbers that /proc/PID/ns shows.
type Scope []string

// condition is one condition, read.
type condition struct {
	kind   string
	not    bool
	values []string
}

// conditionKinds says what each condition takes: 0 for no values, 1 for values
// and "=", 2 for values and "!=" also; optional ones may stand alone.
func conditionKinds() map[string]struct {
	values   int
	optional bool
	check    func(string) error
} {
	type k = struct {
		values   int
		optional bool
		check    func(string) error
	}
	return map[string]k{
		"container": {2, true, checkContainer},
		"host":      {0, false, nil},
		"follow":    {0, false, nil},
		"process":   {1, false, checkNew},
		"tree":      {2, false, checkNumber},
		"pid":       {2, false, checkNumber},
		"uid":       {2, false, checkNumber},
		"mntns":     {2, false, checkNumber},
		"pidns":     {2, false, checkNumber},
		"comm":      {2, false, checkComm},
		"exe":       {2, false, checkPath},
	}
}

func checkNew(v string) error {
	if v != "new" {
		return fmt.Errorf("%q is not \"new\"", v)
	}
	return nil
}

func checkNumber(v string) error {
	if _, err := strconv.ParseUint(v, 10, 32); err != nil {
		return fmt.Errorf("%q is not a number from 0 to 4294967295", v)
	}
	return nil
}

// commLength is the longest name that a thread can have.
const commLength = 15

func checkComm(v string) error {
	if v == "" || len(v) > commLength {
		return fmt.Errorf("%q is no thread's name: those have 1 to %d bytes", v, commLength)
	}
	return nil
}

// exeLength is the longest path that the programs compare.
const exeLength = 255

func checkPath(v string) error {
	if !strings.HasPrefix(v, "/") || len(v) > exeLength {
		return fmt.Errorf("%q is not an absolute path of at most %d bytes", v, exeLength)
	}
	return nil
}

// idDigits is how many digits of a container's id are compared: as many as
// docker ps shows.
const idDigits = 12

func checkContainer(v string) error {
	if v == "new" {
		return nil
	}
	if len(v) < idDigits || len(v) > containerDigits || strings.Trim(v, "0123456789abcdef") != "" {
		return fmt.Errorf("%q is neither \"new\" nor an id: expected %d to %d digits of it, as `docker ps` shows them", v, idDigits, containerDigits)
	}
	return nil
}

// read reads the conditions.
func (s Scope) read() ([]condition, error) {
	kinds := conditionKinds()
	var out []condition
	for _, text := range s {
		c := condition{}
		name, values, has := strings.Cut(text, "=")
		c.kind, c.not = strings.CutSuffix(name, "!")
		k, ok := kinds[c.kind]
		switch {
		case !ok:
			var names []string
			for n := range kinds {
				names = append(names, n)
			}
			slices.Sort(names)
			return nil, fmt.Errorf("scope: %q is about nothing that there is a condition on; those are on %s", text, strings.Join(names, ", "))
		case has && k.values == 0:
			return nil, fmt.Errorf("scope: %q: %s takes no value", text, c.kind)
		case !has && k.values != 0 && !k.optional:
			return nil, fmt.Errorf("scope: %q: expected %s=VALUE,…", text, c.kind)
		case c.not && (k.values < 2 || !has):
			return nil, fmt.Errorf("scope: %q: there is no != here", text)
		}
		if has {
			c.values = strings.Split(values, ",")
		}
		for _, v := range c.values {
			if err := k.check(v); err != nil {
				return nil, fmt.Errorf("scope: %q: %w", text, err)
			}
			if v == "new" && c.not {
				return nil, fmt.Errorf("scope: %q: there is no != here", text)
			}
		}
		out = append(out, c)
	}
	if i := slices.IndexFunc(out, func(c condition) bool { return c.kind == "follow" }); i >= 0 && len(out) == 1 {
		return nil, fmt.Errorf("scope: \"follow\" alone follows everybody: it goes with another condition")
	}
	if has(out, "host") && has(out, "container") {
		return nil, fmt.Errorf("scope: nothing is on the host and in a container: choose one")
	}
	return out, nil
}

func has(all []condition, kind string) bool {
	return slices.ContainsFunc(all, func(c condition) bool { return c.kind == kind && !c.not })
}

// containerDigits is how long the ids of containers are; LXC's have names.
const containerDigits = 64

// containerOf returns the id of the container that the path of a cgroup leads
// to, "" for one of LXC's. It reads paths as scope_find in bpf/include/scope.h
// does: the last 64 hexadecimal digits in a row count, unless they are a
// monitor's ("conmon-…"), which is outside.
func containerOf(path string) (id string, ok bool) {
	run := 0
	monitor := false
	for i := 0; i <= len(path); i++ {
		if i < len(path) && strings.IndexByte("0123456789abcdef", path[i]) >= 0 {
			if run == 0 {
				monitor = strings.HasSuffix(path[:i], "nmon-")
			}
			run++
			continue
		}
		if run == containerDigits && !monitor {
			id, ok = path[i-run:i], true
		}
		run = 0
		if i < len(path) && (strings.HasSuffix(path[:i+1], "/lxc.p") || strings.HasSuffix(path[:i+1], "/lxc/")) {
			id, ok = "", true
		}
	}
	return id, ok
}
