package render

import (
	"net/url"
	"strings"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// cloudEvent is a CloudEvent 1.0 in structured mode.
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
type cloudEvent struct {
	SpecVersion     string         `json:"specversion"`
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	Type            string         `json:"type"`
	Subject         string         `json:"subject,omitempty"`
	Time            *time.Time     `json:"time,omitempty"`
	DataContentType string         `json:"datacontenttype"`
	Priority        string         `json:"priority"` // an extension, for routing
	Data            *msg.Detection `json:"data"`
}

// CloudEvent renders the detection as a CloudEvent 1.0 in JSON: its source is
// the host, its type com.github.tripline.detection, its subject the rule's id,
// its data the detection; the priority is an extension attribute.
func CloudEvent(d *msg.Detection) ([]byte, error) {
	e := cloudEvent{
		SpecVersion: "1.0", ID: d.ID, Source: "/tripline/hosts/" + url.PathEscape(d.Host),
		Type: "com.github.tripline.detection", Subject: Terminal(d.Rule.ID),
		DataContentType: "application/json", Priority: d.Priority.String(), Data: d,
	}
	if !d.Time.IsZero() {
		at := d.Time.UTC()
		e.Time = &at
	}
	return inert(e)
}

// falcoJSON is a line of Falco's with json_output, which is also what
// Falcosidekick takes.
type falcoJSON struct {
	Hostname     string         `json:"hostname"`
	Output       string         `json:"output"`
	OutputFields map[string]any `json:"output_fields"`
	Priority     string         `json:"priority"`
	Rule         string         `json:"rule"`
	Source       string         `json:"source"`
	Tags         []string       `json:"tags"`
	Time         time.Time      `json:"time"`
	// UUID is the detection's id, written as Falcosidekick writes its own.
	UUID string `json:"uuid"`
}

// FalcoJSON renders the detection as Falco does with json_output, for
// Falcosidekick and whatever else reads that. Its fields are those that the
// rule looked at, and beside them the usual ones as far as they are known.
func FalcoJSON(d *msg.Detection) ([]byte, error) {
	tags := d.Rule.Tags
	if tags == nil {
		tags = []string{}
	}
	return inert(falcoJSON{
		Hostname: d.Host, Output: strings.TrimSuffix(string(Falco(d)), "\n"), OutputFields: outputFields(d),
		Priority: Title(d.Priority), Rule: d.Rule.Name, Source: "syscall", Tags: tags, Time: d.Time.UTC(), UUID: uuid(d.ID),
	})
}

// outputFields are the values under the names that Falco gives them.
func outputFields(d *msg.Detection) map[string]any {
	out := map[string]any{}
	add := func(name string, value any) {
		if value != "" {
			out[name] = value
		}
	}
	if !d.Time.IsZero() {
		add("evt.time", d.Time.UnixNano())
	}
	if d.Event != nil {
		add("evt.type", d.Event.Name)
		add("proc.name", d.Event.Comm)
	}
	if p := process(d); p != nil {
		add("proc.name", p.Comm)
		add("proc.pid", p.PID)
		add("proc.ppid", p.PPID)
		add("proc.exepath", p.Exe)
		if len(p.Args) > 0 {
			// Falco's command line begins with the name that the kernel knows.
			add("proc.cmdline", strings.Join(append([]string{p.Comm}, p.Args[1:]...), " "))
		}
		add("user.name", p.User)
		if p.UID != nil {
			add("user.uid", *p.UID)
		}
		if len(p.Ancestors) > 0 {
			add("proc.pname", p.Ancestors[0].Comm)
		}
	}
	add("container.id", "host")
	add("container.name", "host")
	if c := container(d); c != nil {
		repository, tag := SplitImage(c.Image)
		add("container.id", ShortID(c.ID))
		delete(out, "container.name")
		add("container.name", c.Name)
		add("container.image.repository", repository)
		add("container.image.tag", tag)
		if c.Pod != nil {
			add("k8s.pod.name", c.Pod.Name)
			add("k8s.ns.name", c.Pod.Namespace)
		}
	}
	for name, value := range d.Values {
		out[name] = value
	}
	return out
}

// uuid writes 32 hexadecimal digits as a UUID, and anything else as it is.
func uuid(id string) string {
	if len(id) != 32 {
		return id
	}
	return id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
}

// inert is JSON in which nothing is obeyed by a terminal.
func inert(v any) ([]byte, error) {
	j, err := JSON(v)
	if err != nil {
		return nil, err
	}
	return JSONForTerminal(j), nil
}
