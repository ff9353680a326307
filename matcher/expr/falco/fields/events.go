package fields

import (
	"strconv"
	"strings"
	"sync"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// EventInfo is what Falco's language knows of an event type.
type EventInfo struct {
	Name string
	// Kind is "syscall", "tracepoint", "metaevent" or "plugin".
	Kind string
	// Category is what evt.category says: file, net, process, io_read, …
	Category string
	Params   []Param
	// Codes is how many codes of Falco's the name stands for: by the number of
	// codes it measures how broad a rule is.
	Codes int
	// Generic events have no parameters and share their codes with each other.
	Generic bool
}

// Param is a parameter of an event by its name in Falco's language.
type Param struct {
	Name string
	Type Type
}

// tables holds what is parsed once from the constants of events_table.go.
type tables struct {
	events map[string]*EventInfo
	names  []string // in order
	params map[string]Type
}

var known = sync.OnceValue(func() *tables {
	t := &tables{events: map[string]*EventInfo{}, params: map[string]Type{}}
	for _, line := range strings.Split(strings.TrimSpace(paramTypes), "\n") {
		w := strings.Fields(line)
		for _, name := range w[1:] {
			t.params[name] = typeOf(w[0])
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(eventTable), "\n") {
		w := strings.Fields(line)
		name, codes, counted := strings.Cut(w[0], "/")
		e := &EventInfo{Name: name, Kind: w[1], Category: w[2], Codes: 2}
		if counted {
			e.Codes, _ = strconv.Atoi(codes)
		}
		for _, p := range w[3:] {
			name, typ, own := strings.Cut(p, ":")
			q := Param{name, t.params[name]}
			if own {
				q.Type = typeOf(typ)
			}
			e.Params = append(e.Params, q)
		}
		t.add(e)
	}
	for e := range catalogue.All() {
		if e.ID == 1001 || e.ID == 1002 {
			continue // execve and procexit in this language
		}
		kind := "tracepoint"
		if e.Class == catalogue.Syscall {
			kind = "syscall"
		}
		name := FalcoName(e.Name)
		if _, ok := t.events[name]; !ok {
			t.add(&EventInfo{Name: name, Kind: kind, Category: "other", Codes: 2, Generic: true})
		}
	}
	return t
})

func (t *tables) add(e *EventInfo) {
	t.events[e.Name] = e
	t.names = append(t.names, e.Name)
}

// EventByName returns what is known of an event type, nil when there is none
// of that name.
func EventByName(name string) *EventInfo { return known().events[name] }

// EventNames lists all event types, those with parameters first.
func EventNames() []string { return known().names }

// ParamType returns the type of a parameter by its name alone, as a rule is
// compiled; ok is false when no event has such a parameter.
func ParamType(name string) (Type, bool) {
	t, ok := known().params[name]
	return t, ok
}

// FalcoName turns the catalogue's name of an event into that of Falco's
// language.
func FalcoName(name string) string {
	switch name {
	case "sched_process_exec":
		return "execve"
	case "sched_process_exit":
		return "procexit"
	case "pread64":
		return "pread"
	case "pwrite64":
		return "pwrite"
	case "prlimit64":
		return "prlimit"
	case "_llseek":
		return "llseek"
	}
	return name
}

// CatalogueNames is the inverse of [FalcoName]: the catalogue's events that an
// event type of a rule stands for. A program that was started is
// sched_process_exec, one that could not be is the system call.
func CatalogueNames(name string) []string {
	var out []string
	add := func(names ...string) {
		for _, n := range names {
			if _, ok := catalogue.Lookup(n); ok {
				out = append(out, n)
			}
		}
	}
	switch name {
	case "execve", "execveat":
		add("sched_process_exec", name)
	case "procexit":
		add("sched_process_exit")
	case "pread":
		add("pread64")
	case "pwrite":
		add("pwrite64")
	case "prlimit":
		add("prlimit64")
	case "llseek":
		add("_llseek")
	default:
		add(name)
	}
	return out
}
