package render

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// Classic renders the layout of tracee-rules, which scripts parse, byte for
// byte, followed by lines of our own: the process, the container if there is
// one, and the rule's output line if it has one.
func Classic(d *msg.Detection) []byte {
	var b bytes.Buffer
	line := func(name, value string) {
		b.WriteString(name)
		b.WriteString(": ")
		b.WriteString(value)
		b.WriteByte('\n')
	}
	b.WriteString("\n*** Detection ***\n")
	line("Time", d.Time.UTC().Format(time.RFC3339))
	line("Signature ID", Terminal(d.Rule.ID))
	line("Signature", Terminal(d.Rule.Name))
	line("Data", Map(d.Data))
	line("Command", Terminal(comm(d)))
	line("Hostname", Terminal(d.Host))
	if p := process(d); p != nil {
		line("Pid", strconv.Itoa(int(p.PID)))
	}
	if c := container(d); c != nil {
		parts := nonEmpty(ShortID(c.ID), c.Name, c.Image)
		if len(parts) > 1 {
			parts = append(parts, nonEmpty(lacks(c))...) // an id alone says it
		}
		line("Container", Terminal(strings.Join(parts, " ")))
	}
	if d.Output != "" && d.Output != d.Rule.Name {
		line("Output", Terminal(d.Output))
	}
	if d.Group != nil {
		line("Times", times(d.Group))
	}
	return b.Bytes()
}

// Falco renders the line that Falco prints: the time of day in UTC, the
// priority, the output, and the container and pod, where the output does not
// name them already.
func Falco(d *msg.Detection) []byte {
	var b bytes.Buffer
	b.WriteString(d.Time.UTC().Format("15:04:05.000000000"))
	b.WriteString(": ")
	name := d.Priority.String()
	b.WriteString(strings.ToUpper(name[:1]) + name[1:])
	b.WriteByte(' ')
	b.WriteString(Terminal(d.Output))
	if !strings.Contains(d.Output, "container_id=") {
		for _, f := range falcoFields(d) {
			b.WriteByte(' ')
			b.WriteString(f[0])
			b.WriteByte('=')
			b.WriteString(Terminal(f[1]))
		}
	}
	if d.Group != nil {
		b.WriteString(" times=" + times(d.Group))
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// falcoFields are the fields that Falco appends, with its word for what is
// missing.
func falcoFields(d *msg.Detection) [][2]string {
	const missing = "<NA>"
	id, name, repo, tag, pod, ns := "host", "host", missing, missing, missing, missing
	or := func(s string) string {
		if s == "" {
			return missing
		}
		return s
	}
	if c := container(d); c != nil {
		r, t := SplitImage(c.Image)
		id, name, repo, tag = ShortID(c.ID), or(c.Name), or(r), or(t)
		if c.Pod != nil {
			pod, ns = or(c.Pod.Name), or(c.Pod.Namespace)
		}
	}
	return [][2]string{
		{"container_id", id},
		{"container_name", name},
		{"container_image_repository", repo},
		{"container_image_tag", tag},
		{"k8s_pod_name", pod},
		{"k8s_ns_name", ns},
	}
}

// JSONLine renders the detection as JSON on one line, safe for a terminal.
func JSONLine(d *msg.Detection) ([]byte, error) {
	j, err := JSON(d)
	if err != nil {
		return nil, err
	}
	return append(JSONForTerminal(j), '\n'), nil
}

// StoredLine is JSONLine for a detection as it is stored, whose JSON is not made
// anew.
func StoredLine(d *msg.Stored) ([]byte, error) {
	j, err := d.JSON()
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(j, '\n') >= 0 || bytes.IndexByte(j, '\r') >= 0 {
		// Valid JSON has these between its parts only.
		var b bytes.Buffer
		if err := json.Compact(&b, j); err != nil {
			return nil, err
		}
		j = b.Bytes()
	}
	safe := JSONForTerminal(j)
	return append(safe[:len(safe):len(safe)], '\n'), nil
}

// JSON renders a value as JSON without a line end and without escaping <, >
// and &.
func JSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// prettyJSON renders a value as indented JSON.
func prettyJSON(v any) (string, error) {
	j, err := JSON(v)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, j, "", "  "); err != nil {
		return "", err
	}
	return b.String(), nil
}

// ShortID is a container id as people read it: its first 12 characters.
func ShortID(id string) string {
	if len(id) > 12 {
		return id[:12]
	}
	return id
}

// SplitImage splits the name of an image into repository and tag; a digest is
// part of neither.
func SplitImage(image string) (repository, tag string) {
	image, _, _ = strings.Cut(image, "@")
	// A colon before the last slash belongs to a registry's port.
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		return image[:i], image[i+1:]
	}
	return image, ""
}

func comm(d *msg.Detection) string {
	if d.Event == nil {
		return ""
	}
	return d.Event.Comm
}

func process(d *msg.Detection) *msg.ProcessJSON {
	if d.Event == nil {
		return nil
	}
	return d.Event.Process
}

// lacks says in brackets that not everything is known of a container: that what
// is not shown is not known, rather than not there.
func lacks(c *msg.ContainerJSON) string {
	switch c.Completeness {
	case msg.Completeness_COMPLETENESS_PARTIAL.Text(), msg.Completeness_COMPLETENESS_NONE.Text():
		return "(metadata: " + c.Completeness + ")"
	}
	return ""
}

func container(d *msg.Detection) *msg.ContainerJSON {
	if d.Event == nil {
		return nil
	}
	return d.Event.Container
}

func nonEmpty(items ...string) []string {
	out := items[:0]
	for _, s := range items {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}
