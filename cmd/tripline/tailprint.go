package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// printer writes one line for each message.
type printer struct {
	w      io.Writer
	json   bool
	colour bool
	mu     sync.Mutex
}

// lockedPrint returns a function that several subscriptions may call.
func (p *printer) lockedPrint() func(subject string, data []byte) {
	return func(subject string, data []byte) {
		line := p.line(subject, data)
		p.mu.Lock()
		defer p.mu.Unlock()
		fmt.Fprintln(p.w, line)
	}
}

// line renders a message; everything a traced process controls is escaped.
func (p *printer) line(subject string, data []byte) string {
	if p.json {
		return string(data)
	}
	e, d, err := decode(subject, data)
	switch {
	case err != nil:
		return fmt.Sprintf("%s: not readable: %v", subject, err)
	case d != nil:
		return p.detection(d)
	default:
		return p.event(e)
	}
}

// Colours of ECMA-48, "select graphic rendition".
const (
	dim    = "2"
	bold   = "1"
	red    = "31"
	yellow = "33"
	cyan   = "36"
)

func (p *printer) paint(code, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *printer) event(e *msg.EventJSON) string {
	var b strings.Builder
	b.WriteString(p.paint(dim, e.Time.Local().Format("15:04:05.000000")))
	fmt.Fprintf(&b, " %s %s", clean(e.Host), p.origin(e))
	fmt.Fprintf(&b, " %s(%s)", p.paint(bold, clean(e.Name)), arguments(e.Args))
	if e.Return < 0 {
		fmt.Fprintf(&b, " = %s", p.paint(red, strconv.FormatInt(e.Return, 10)))
	} else {
		fmt.Fprintf(&b, " = %d", e.Return)
	}
	if e.Count > 1 {
		fmt.Fprintf(&b, " ×%d", e.Count)
	}
	for _, n := range e.Notes {
		b.WriteString(" " + p.paint(yellow, "["+clean(n)+"]"))
	}
	return b.String()
}

func (p *printer) origin(e *msg.EventJSON) string {
	who := clean(e.Comm)
	if e.Process != nil {
		who += "[" + strconv.Itoa(int(e.Process.PID)) + "]"
	}
	if c := e.Container; c != nil {
		name := c.Name
		if name == "" {
			name = c.ID[:min(12, len(c.ID))]
		}
		who += "@" + clean(name)
	}
	return p.paint(cyan, who)
}

func (p *printer) detection(d *msg.Detection) string {
	code := yellow
	if d.Priority <= msg.Error {
		code = red
	}
	line := p.paint(dim, d.Time.Local().Format(time.StampMicro)) + " " + p.paint(code, d.Priority.String()) + " " + p.paint(bold, clean(d.Rule.ID)) + " " + clean(d.Output)
	if d.Event != nil {
		line += " " + p.origin(d.Event)
	}
	return line
}

func arguments(args []msg.ArgJSON) string {
	var parts []string
	for _, a := range args {
		parts = append(parts, clean(a.Name)+"="+value(a.Value))
	}
	return strings.Join(parts, ", ")
}

// value shortens and escapes one argument.
func value(v any) string {
	const most = 120
	switch v := v.(type) {
	case nil:
		return "?"
	case string:
		if len(v) > most {
			return strconv.Quote(v[:most]) + "…"
		}
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		var parts []string
		for i, x := range v {
			if i == 12 {
				parts = append(parts, "…")
				break
			}
			parts = append(parts, value(x))
		}
		return "[" + strings.Join(parts, " ") + "]"
	default:
		return clean(fmt.Sprint(v))
	}
}

// clean escapes what would drive the terminal or break the line.
func clean(s string) string {
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
