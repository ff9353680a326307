package ruletest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"go.yaml.in/yaml/v3"
)

// Case is one test.
type Case struct {
	Name   string   `yaml:"name"`
	Event  Event    `yaml:"event"`
	Expect []Expect `yaml:"expect"`
	// File and Line say where it is written.
	File string `yaml:"-"`
	Line int    `yaml:"-"`
}

// Expect is a rule that must fire, with texts that its output must hold.
type Expect struct {
	Rule   string   `yaml:"rule"`
	Output []string `yaml:"output"`
}

// Event describes an event.
type Event struct {
	Name      string         `yaml:"name"`
	Return    int64          `yaml:"return"`
	Args      map[string]any `yaml:"args"`
	File      *File          `yaml:"file"`
	Process   Process        `yaml:"process"`
	Parents   []Process      `yaml:"parents"`
	Container *Container     `yaml:"container"`
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
	PID       int32    `yaml:"pid"`
	NSPID     int32    `yaml:"ns_pid"`
	Comm      string   `yaml:"comm"`
	Exe       string   `yaml:"exe"`
	Args      []string `yaml:"args"`
	Env       []string `yaml:"env"`
	CWD       string   `yaml:"cwd"`
	TTY       uint32   `yaml:"tty"`
	SID       int32    `yaml:"sid"`
	UID       uint32   `yaml:"uid"`
	User      string   `yaml:"user"`
	LoginUID  *uint32  `yaml:"login_uid"`
	LoginUser string   `yaml:"login_user"`
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

// Parse reads a file of tests. Unknown keys are errors, so that a misspelt
// one does not pass for a test.
func Parse(path string, content []byte) ([]Case, error) {
	var nodes []yaml.Node
	if err := yaml.Unmarshal(content, &nodes); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out := make([]Case, 0, len(nodes))
	for i := range nodes {
		c, err := parseCase(&nodes[i])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, nodes[i].Line, err)
		}
		c.File, c.Line = path, nodes[i].Line
		out = append(out, c)
	}
	return out, nil
}

func parseCase(n *yaml.Node) (c Case, err error) {
	text, err := yaml.Marshal(n)
	if err != nil {
		return c, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, err
	}
	if c.Name == "" || c.Event.Name == "" {
		return c, errors.New("a test has a name, and an event with a name")
	}
	return c, nil
}
