package ruletest

import (
	"errors"
	"fmt"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tripline/tripline/matcher"
)

// Case is one test.
type Case struct {
	Name string `yaml:"name"`
	// Event is what happens, Events that in several steps: one of both.
	Event  *Event  `yaml:"event"`
	Events []Event `yaml:"events"`
	// Passes is how long nothing happens after the last event.
	Passes time.Duration `yaml:"passes"`
	Expect []Expect      `yaml:"expect"`

	// File and Line say where it is written.
	File string `yaml:"-"`
	Line int    `yaml:"-"`
}

// Expect is one finding.
type Expect struct {
	Rule   string         `yaml:"rule"`
	Output []string       `yaml:"output"`
	Data   map[string]any `yaml:"data"`
	Event  *int           `yaml:"event"`
}

// Event describes an event.
type Event struct {
	Name   string         `yaml:"name"`
	Return int64          `yaml:"return"`
	Args   map[string]any `yaml:"args"`
	// At is how long after the first event it happens.
	At        time.Duration `yaml:"at"`
	File      *File         `yaml:"file"`
	Process   Process       `yaml:"process"`
	Parents   []Process     `yaml:"parents"`
	Container *Container    `yaml:"container"`
}

// File is the descriptor that the event is about.
type File struct {
	FD       int32  `yaml:"fd"`
	Path     string `yaml:"path"`
	Inode    uint64 `yaml:"inode"`
	Mode     uint32 `yaml:"mode"`
	Local    string `yaml:"local"`
	Remote   string `yaml:"remote"`
	Socket   uint32 `yaml:"socket_type"`
	Protocol uint32 `yaml:"protocol"`
}

// Process is the process of the event, or one above it.
type Process struct {
	PID   int32    `yaml:"pid"`
	NSPID int32    `yaml:"ns_pid"`
	Comm  string   `yaml:"comm"`
	Exe   string   `yaml:"exe"`
	Args  []string `yaml:"args"`
	Env   []string `yaml:"env"`
	CWD   string   `yaml:"cwd"`
	TTY   uint32   `yaml:"tty"`
	// StdinMode is the kind of its standard input, as stat gives it.
	StdinMode uint32  `yaml:"stdin_mode"`
	SID       int32   `yaml:"sid"`
	UID       uint32  `yaml:"uid"`
	User      string  `yaml:"user"`
	LoginUID  *uint32 `yaml:"login_uid"`
	LoginUser string  `yaml:"login_user"`
	// Age is how long it has lived when the event happens.
	Age        time.Duration `yaml:"age"`
	UpperLayer bool          `yaml:"upper_layer"`
	Memfd      bool          `yaml:"memfd"`
	Writable   bool          `yaml:"writable"`
	// CapEffective is a set of bits.
	CapEffective uint64 `yaml:"cap_effective"`
}

// Container is the container of the process.
type Container struct {
	ID         string            `yaml:"id"`
	Name       string            `yaml:"name"`
	Runtime    string            `yaml:"runtime"`
	Image      string            `yaml:"image"`
	Repository string            `yaml:"repository"`
	Tag        string            `yaml:"tag"`
	Labels     map[string]string `yaml:"labels"`
	Privileged bool              `yaml:"privileged"`
	Mounts     []Mount           `yaml:"mounts"`
	Pod        string            `yaml:"pod"`
	Namespace  string            `yaml:"namespace"`
}

// Mount is a mount of a container.
type Mount struct {
	Source      string `yaml:"source"`
	Destination string `yaml:"destination"`
	Writable    bool   `yaml:"writable"`
}

// Parse reads a file of cases. A case that is not well formed is a problem,
// unknown keys included, so that a misspelt one does not pass for a test.
func Parse(f matcher.File) (cases []Case, problems []matcher.Problem) {
	problem := func(line int, err error) {
		problems = append(problems, matcher.Problem{File: f.Path, Line: line, Message: err.Error()})
	}
	var nodes []yaml.Node
	if err := yaml.Unmarshal(f.Content, &nodes); err != nil {
		problem(0, fmt.Errorf("expected a sequence of tests: %w", err))
		return nil, problems
	}
	if len(nodes) == 0 {
		problem(0, errors.New("no test is in it"))
	}
	for i := range nodes {
		c, err := parseCase(&nodes[i])
		if err != nil {
			problem(nodes[i].Line, err)
			continue
		}
		c.File, c.Line = f.Path, nodes[i].Line
		cases = append(cases, c)
	}
	return cases, problems
}

func parseCase(n *yaml.Node) (c Case, err error) {
	if err := n.Load(&c, yaml.WithKnownFields()); err != nil {
		return c, err
	}
	switch {
	case c.Name == "":
		return c, errors.New("a test has a name")
	case (c.Event == nil) == (len(c.Events) == 0):
		return c, fmt.Errorf("test %q: expected either event or events", c.Name)
	}
	if c.Event != nil {
		c.Events = []Event{*c.Event}
	}
	for i, e := range c.Expect {
		if e.Rule == "" {
			return c, fmt.Errorf("test %q: expect[%d] names no rule", c.Name, i)
		}
		if e.Event != nil && (*e.Event < 0 || *e.Event >= len(c.Events)) {
			return c, fmt.Errorf("test %q: expect[%d]: there is no event %d", c.Name, i, *e.Event)
		}
	}
	return c, nil
}
