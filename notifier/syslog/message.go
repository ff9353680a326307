package syslog

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// The longest header fields, RFC 5424, 6.
const (
	maxHostname = 255
	maxAppName  = 48
	maxMsgID    = 32
)

// maxValue bounds one value in structured data.
const maxValue = 256

// timestamp has the six digits that RFC 5424, 6.2.3 allows at most.
const timestamp = "2006-01-02T15:04:05.000000Z"

// nilValue stands for what is not known.
const nilValue = "-"

// formatter writes messages. It is our own, since what a formatter has to do
// here is to make arbitrary names fit the grammar and the size, and a library
// would refuse or drop them.
type formatter struct {
	facility int
	appName  string
	dataID   string
	max      int
	template *render.Template // nil for rule name and output
}

// message writes one message, without framing.
func (f formatter) message(d *msg.Detection) ([]byte, error) {
	text, err := f.text(d)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("<" + strconv.Itoa(f.facility<<3|int(min(d.Priority, msg.Debug))) + ">1 ")
	at := nilValue
	if !d.Time.IsZero() {
		at = d.Time.UTC().Format(timestamp)
	}
	pid := nilValue
	if d.Event != nil && d.Event.Process != nil {
		pid = strconv.Itoa(int(d.Event.Process.PID))
	}
	for _, s := range []string{at, header(maxHostname, d.Host), f.appName, pid, header(maxMsgID, d.Rule.ID)} {
		b.WriteString(s)
		b.WriteByte(' ')
	}
	// At most half of the room, so that there is always text.
	b.Write(f.data(d, (f.max-b.Len())/2))
	if text != "" {
		b.WriteByte(' ')
		b.WriteString(render.Fit(f.max-b.Len(), text, nil))
	}
	return b.Bytes(), nil
}

// text is the free part of a message, on one line.
func (f formatter) text(d *msg.Detection) (string, error) {
	if f.template == nil {
		if d.Output == "" || d.Output == d.Rule.Name {
			return d.Rule.Name, nil
		}
		return d.Rule.Name + ": " + d.Output, nil
	}
	out, err := f.template.Execute(d)
	if err != nil {
		return "", err
	}
	out = bytes.TrimSpace(out)
	if json.Valid(out) {
		var line bytes.Buffer
		if err := json.Compact(&line, out); err != nil {
			return "", err
		}
		return string(render.JSONForTerminal(line.Bytes())), nil
	}
	return string(out), nil
}

// data writes one element of structured data (RFC 5424, 6.3) in at most limit
// bytes: what does not fit is left out.
func (f formatter) data(d *msg.Detection, limit int) []byte {
	b := append([]byte{'['}, f.dataID...)
	for _, p := range params(d) {
		if p.Value == "" {
			continue
		}
		one := " " + p.Name + `="` + render.Fit(maxValue, p.Value, escapes()) + `"`
		if len(b)+len(one)+1 <= limit {
			b = append(b, one...)
		}
	}
	return append(b, ']')
}

// escapes are those of RFC 5424, 6.3.3.
func escapes() *strings.Replacer {
	return strings.NewReplacer(`"`, `\"`, `\`, `\\`, `]`, `\]`)
}

// params lists what structured data holds, the most important first.
func params(d *msg.Detection) []render.Fact {
	out := []render.Fact{
		{Name: "id", Value: d.ID},
		{Name: "rule", Value: d.Rule.ID},
		{Name: "priority", Value: d.Priority.String()},
	}
	add := func(name, value string) { out = append(out, render.Fact{Name: name, Value: value}) }
	if e := d.Event; e != nil {
		add("event", e.Name)
		add("comm", e.Comm)
		if p := e.Process; p != nil {
			add("pid", strconv.Itoa(int(p.PID)))
			add("exe", p.Exe)
			add("user", p.User)
			add("args", strings.Join(p.Args, " "))
		}
		if c := e.Container; c != nil {
			out = slices.Insert(out, 3, render.Fact{Name: "container_id", Value: render.ShortID(c.ID)})
			add("container", c.Name)
			add("image", c.Image)
			if c.Pod != nil {
				add("namespace", c.Pod.Namespace)
				add("pod", c.Pod.Name)
			}
		}
	}
	add("tags", strings.Join(d.Rule.Tags, ","))
	return out
}

// header makes a field of the header: PRINTUSASCII, of limited length, - when
// there is nothing.
func header(limit int, s string) string {
	if s == "" {
		return nilValue
	}
	var b strings.Builder
	for _, r := range s {
		if b.Len() == limit {
			break
		}
		if r < '!' || r > '~' {
			r = '_'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// frame puts a message on a stream or into a datagram.
func frame(network, framing string, m []byte) []byte {
	switch {
	case network == UDP:
		return m
	case framing == Newline:
		return append(m, '\n')
	}
	return append(strconv.AppendInt(nil, int64(len(m)), 10), append([]byte{' '}, m...)...)
}
