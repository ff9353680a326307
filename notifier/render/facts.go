package render

import (
	"strconv"
	"strings"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// Fact is one thing worth knowing about a detection. The value may be what a
// traced process made up; it is escaped nowhere yet.
type Fact struct{ Name, Value string }

// Facts lists what a person wants to know first, without rule name, output
// and priority, which stand in the headline. What is not known is left out.
func Facts(d *msg.Detection) []Fact {
	var out []Fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, Fact{name, value})
		}
	}
	if g := d.Group; g != nil {
		add("Times", times(g))
	}
	add("Rule", d.Rule.ID)
	add("Host", d.Host)
	if d.Event != nil {
		add("Event", d.Event.Name)
	}
	if p := process(d); p != nil {
		add("Process", strings.Join(nonEmpty(p.Comm, "("+strconv.Itoa(int(p.PID))+")"), " "))
		add("Executable", p.Exe)
		// Of any length: whoever shows it cuts it.
		add("Command line", strings.Join(p.Args, " "))
		add("User", user(p))
		if len(p.Ancestors) > 0 {
			add("Parent", p.Ancestors[0].Comm+" ("+strconv.Itoa(int(p.Ancestors[0].PID))+")")
		}
	} else {
		add("Process", comm(d))
	}
	if c := container(d); c != nil {
		add("Container", strings.Join(nonEmpty(c.Name, ShortID(c.ID), lacks(c)), " "))
		add("Image", c.Image)
		if c.Pod != nil {
			add("Pod", strings.Join(nonEmpty(c.Pod.Namespace, c.Pod.Name), "/"))
		}
	}
	if len(d.Data) > 0 {
		add("Data", Map(d.Data))
	}
	add("MITRE ATT&CK", d.Rule.MITRE)
	if d.Group != nil {
		for i, s := range d.Group.Samples {
			add("Sample "+strconv.Itoa(i+1), clock(s.Time)+" "+s.Output)
		}
	}
	return out
}

// times says how many detections a roll-up stands for, and of when.
func times(g *msg.Group) string {
	return strconv.Itoa(g.Count) + " from " + clock(g.First) + " to " + clock(g.Last)
}

// clock is a time for people.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func user(p *msg.ProcessJSON) string {
	if p.User != "" || p.UID == nil {
		return p.User
	}
	return strconv.FormatUint(uint64(*p.UID), 10)
}

// Headline is the priority, the rule and the host on one line, unescaped.
func Headline(d *msg.Detection) string {
	text := Title(d.Priority) + ": " + d.Rule.Name
	if d.Host != "" {
		text += " on " + d.Host
	}
	if d.Group != nil {
		text += " (" + strconv.Itoa(d.Group.Count) + " times)"
	}
	return text
}

// Title is the name of a priority as it begins a sentence, which is also how
// Falco writes it.
func Title(p msg.Priority) string {
	name := p.String()
	return strings.ToUpper(name[:1]) + name[1:]
}
