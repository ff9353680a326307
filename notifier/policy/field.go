package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// fields are what detections can be grouped by.
func fields() []string {
	return []string{"rule", "priority", "host", "container", "image", "namespace", "pod", "process", "user"}
}

func checkFields(names []string) error {
	for _, n := range names {
		if !slices.Contains(fields(), n) {
			return fmt.Errorf("%q is not one of %s", n, strings.Join(fields(), ", "))
		}
	}
	return nil
}

// field reads one, empty where it is not known.
func field(name string, d *msg.Detection) string {
	switch name {
	case "rule":
		return d.Rule.ID
	case "priority":
		return d.Priority.String()
	case "host":
		return d.Host
	}
	if d.Event == nil {
		return ""
	}
	if p := d.Event.Process; p != nil {
		switch name {
		case "process":
			return p.Comm
		case "user":
			return p.User
		}
	}
	c := d.Event.Container
	if c == nil {
		return ""
	}
	switch name {
	case "container":
		if c.Name == "" {
			return c.ID
		}
		return c.Name
	case "image":
		return c.Image
	}
	if c.Pod == nil {
		return ""
	}
	switch name {
	case "namespace":
		return c.Pod.Namespace
	case "pod":
		return c.Pod.Name
	}
	return ""
}

func one(name string) func(*msg.Detection) []string {
	return func(d *msg.Detection) []string { return []string{field(name, d)} }
}

// key joins fields so that no value can be taken for two.
func key(names []string, d *msg.Detection) string {
	var b strings.Builder
	for _, n := range names {
		v := field(n, d)
		fmt.Fprintf(&b, "%d:%s", len(v), v)
	}
	return b.String()
}
