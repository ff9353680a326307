package container

import (
	"time"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// created holds what the step needs of the catalogue to complete the events
// that tell of containers.
type created struct {
	events map[uint32]bool
	// Positions of arguments, the same in all of them.
	id, runtime, podUID int
	args                []string // by position
}

func newCreated() created {
	c := created{events: make(map[uint32]bool)}
	for _, name := range []string{"container_create", "existing_container"} {
		e, ok := catalogue.Lookup(name)
		if !ok {
			continue
		}
		c.events[uint32(e.ID)] = true
		c.id, c.runtime, c.podUID = e.Param("container_id"), e.Param("runtime"), e.Param("pod_uid")
		c.args = c.args[:0]
		for _, p := range e.Params {
			c.args = append(c.args, p.Name)
		}
	}
	return c
}

// describe completes an event that a container was made with what is known of
// it by now. The runtime may not have answered yet: what it would say is absent
// then, and comes with the container's own events.
func (s *Step) describe(b *msg.Batch, e *msg.Event, ask bool, now time.Time) {
	c := &s.created
	text := func(i int) string {
		if i < 0 || i >= len(e.Args) || e.Absent&(1<<uint(i)) != 0 || e.Args[i] < 0 || e.Args[i] >= int64(len(b.Strings)) {
			return ""
		}
		return b.Strings[e.Args[i]]
	}
	id := text(c.id)
	if id == "" {
		return
	}
	m := s.want(Ref{ID: id, Runtime: text(c.runtime), PodUID: text(c.podUID), Own: true}, ask, now).meta
	for i, name := range c.args {
		value := ""
		switch name {
		case "runtime":
			value = m.Runtime
		case "container_image":
			value = m.Image.GetName()
		case "container_image_digest":
			value = m.Image.GetDigest()
		case "container_name":
			value = m.Name
		case "pod_name":
			value = m.Pod.GetName()
		case "pod_namespace":
			value = m.Pod.GetNamespace()
		case "pod_uid":
			value = m.Pod.GetUid()
		}
		if value == "" || i >= len(e.Args) || e.Absent&(1<<uint(i)) == 0 {
			continue
		}
		b.Strings = append(b.Strings, value)
		e.Args[i] = int64(len(b.Strings) - 1)
		e.Absent &^= 1 << uint(i)
	}
}
