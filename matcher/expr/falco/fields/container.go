package fields

import (
	"sort"
	"strconv"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/glob"
	"github.com/tripline/tripline/pkg/msg"
)

// hostName is what the id and the name of the container are outside of one.
const hostName = "host"

// shortID is how many characters of an id are shown.
const shortID = 12

// short shortens an id that a runtime made, not a name that somebody chose.
func short(id string) string {
	if len(id) <= shortID || strings.Trim(id, "0123456789abcdef") != "" {
		return id
	}
	return id[:shortID]
}

func (e *Event) containerID() (string, bool) {
	if c := e.rec.Container(); c != nil {
		return short(c.Id), true
	}
	return hostName, true
}

func (e *Event) containerName() (string, bool) {
	c := e.rec.Container()
	if c == nil {
		return hostName, true
	}
	return c.Name, c.Name != ""
}

func (e *Event) containerType() (string, bool) {
	c := e.rec.Container()
	if c == nil {
		return hostName, true
	}
	return c.Runtime, c.Runtime != ""
}

// ofContainer reads a text of the container; empty is absent.
func ofContainer(f func(*msg.Container) string) func(*Event) (string, bool) {
	return func(e *Event) (string, bool) {
		s := f(e.rec.Container())
		return s, s != ""
	}
}

func ofImage(f func(*msg.Image) string) func(*Event) (string, bool) {
	return ofContainer(func(c *msg.Container) string { return f(c.GetImage()) })
}

func ofPod(f func(*msg.Pod) string) func(*Event) (string, bool) {
	return ofContainer(func(c *msg.Container) string { return f(c.GetPod()) })
}

// imageRepository falls back on the name without its tag and digest.
func (e *Event) imageRepository() (string, bool) {
	im := e.rec.Container().GetImage()
	if im.GetRepository() != "" || im.GetName() == "" {
		return im.GetRepository(), im.GetRepository() != ""
	}
	name, _, _ := strings.Cut(im.GetName(), "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	return name, true
}

// flagOf is absent on the host and while nothing but the id is known.
func flagOf(f func(*msg.Container) bool) func(*Event) (bool, bool) {
	return func(e *Event) (bool, bool) {
		c := e.rec.Container()
		return f(c), c != nil && c.Completeness != msg.Completeness_COMPLETENESS_NONE
	}
}

func (e *Event) containerStart() (int64, bool) { return present(e.rec.Container().GetStartTime()) }

func (e *Event) containerAge() (int64, bool) {
	t, ok := e.containerStart()
	return e.rec.Event.Time - t, ok
}

func (e *Event) sandboxID() (string, bool) {
	s := e.rec.Container().GetPod().GetSandboxId()
	return short(s), s != ""
}

// checkOf reads the command of a health check, its arguments with a space between.
func checkOf(kind msg.HealthCheckKind) func(*Event) (string, bool) {
	return func(e *Event) (string, bool) {
		for _, h := range e.rec.Container().GetHealthChecks() {
			if h.Kind == kind {
				return strings.Join(h.Args, " "), true
			}
		}
		return "", false
	}
}

// checking says whether the process runs a health check of its container. It
// is absent on the host, and while nothing but the container's id is known.
func checking(flag msg.ProcessFlag) func(*Event) (bool, bool) {
	return func(e *Event) (bool, bool) {
		c := e.rec.Container()
		return e.proc.GetFlags()&uint32(flag) != 0, c != nil && c.Completeness != msg.Completeness_COMPLETENESS_NONE
	}
}

func mountWritable(m *msg.Mount) string { return strconv.FormatBool(m.GetWritable()) }

func mountText(m *msg.Mount) string {
	return strings.Join([]string{m.GetSource(), m.GetDestination(), m.GetMode(), mountWritable(m), m.GetPropagation()}, ":")
}

func (e *Event) mounts() (string, bool) {
	c := e.rec.Container()
	if c == nil {
		return "", false
	}
	var out []string
	for _, m := range c.Mounts {
		out = append(out, mountText(m))
	}
	return strings.Join(out, ","), true
}

// mountOf reads a mount by its number or by a pattern that key matches.
func mountOf(value, key func(*msg.Mount) string) bind {
	return func(e *Event, r *Ref) *Getter {
		return &Getter{Str: func() (string, bool) {
			ms := e.rec.Container().GetMounts()
			if r.N >= 0 {
				if r.N >= len(ms) {
					return "", false
				}
				return value(ms[r.N]), true
			}
			for _, m := range ms {
				if glob.Match(r.Arg, key(m)) {
					return value(m), true
				}
			}
			return "", false
		}}
	}
}

func containerLabels(c *msg.Container) map[string]string { return c.GetLabels() }
func podLabels(c *msg.Container) map[string]string       { return c.GetPod().GetLabels() }

func labelOf(labels func(*msg.Container) map[string]string) bind {
	return func(e *Event, r *Ref) *Getter {
		return &Getter{Str: func() (string, bool) {
			s, ok := labels(e.rec.Container())[r.Arg]
			return s, ok
		}}
	}
}

func labelsText(labels func(*msg.Container) map[string]string) func(*Event) (string, bool) {
	return func(e *Event) (string, bool) {
		m := labels(e.rec.Container())
		if len(m) == 0 {
			return "", false
		}
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for i, k := range keys {
			keys[i] = k + ":" + m[k]
		}
		return strings.Join(keys, ", "), true
	}
}

// inContainer puts the id of the container before a name.
func inContainer(f func(*Event) (string, bool)) func(*Event) (string, bool) {
	return func(e *Event) (string, bool) {
		s, ok := f(e)
		id, _ := e.containerID()
		return id + ":" + s, ok
	}
}
