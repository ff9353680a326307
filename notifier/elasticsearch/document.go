package elasticsearch

import (
	"maps"
	"slices"
	"time"

	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// maxText bounds one text, in bytes: Lucene takes no term above 32766.
const maxText = 16 << 10

// pair is a member whose name is not ours.
type pair struct {
	Name  string `json:"name"`
	Type  string `json:"type,omitempty"`
	Value string `json:"value"`
}

func pairs(m map[string]any) (out []pair) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, pair{Name: fit(k), Value: fit(render.Value(m[k]))})
	}
	return out
}

func labels(m map[string]string) (out []pair) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, pair{Name: fit(k), Value: fit(m[k])})
	}
	return out
}

func fit(s string) string { return render.Fit(maxText, s, nil) }

// doc is a detection whose fields are the same for all of them. A member that
// is named again here hides the one of the detection.
type doc struct {
	Timestamp time.Time `json:"@timestamp"`
	*msg.Detection
	Output string `json:"output"`
	Data   []pair `json:"data,omitempty"`
	Values []pair `json:"values,omitempty"`
	Event  *event `json:"event,omitempty"`
	Rule   rule   `json:"rule"`
	// A roll-up is grouped by what the configuration says.
	Group *group `json:"group,omitempty"`
}

type rule struct {
	msg.RuleInfo
	Properties []pair `json:"properties,omitempty"`
}

type group struct {
	*msg.Group
	By      []pair       `json:"by,omitempty"`
	Samples []msg.Sample `json:"samples,omitempty"`
}

type event struct {
	*msg.EventJSON
	Comm      string     `json:"comm"`
	Args      []pair     `json:"args,omitempty"`
	Process   *process   `json:"process,omitempty"`
	Container *container `json:"container,omitempty"`
}

type process struct {
	*msg.ProcessJSON
	Comm        string `json:"comm"`
	Exe         string `json:"exe,omitempty"`
	CWD         string `json:"cwd,omitempty"`
	Args        any    `json:"args,omitempty"`
	CommandLine string `json:"command_line,omitempty"`
	Ancestors   []kin  `json:"ancestors,omitempty"`
}

type kin struct {
	PID  int32  `json:"pid"`
	Comm string `json:"comm"`
	Exe  string `json:"exe,omitempty"`
}

type container struct {
	*msg.ContainerJSON
	Name   string `json:"name,omitempty"`
	Image  string `json:"image,omitempty"`
	Labels []pair `json:"labels,omitempty"`
	Pod    *pod   `json:"pod,omitempty"`
}

type pod struct {
	*msg.PodJSON
	Labels []pair `json:"labels,omitempty"`
}

func document(d *msg.Detection) doc {
	out := doc{
		Timestamp: d.Time, Detection: d, Output: fit(d.Output), Data: pairs(d.Data), Values: pairs(d.Values),
		Rule: rule{d.Rule, pairs(d.Rule.Properties)}, Event: newEvent(d.Event),
	}
	if d.Group != nil {
		out.Group = &group{Group: d.Group, By: labels(d.Group.By)}
		for _, s := range d.Group.Samples {
			s.Output = fit(s.Output)
			out.Group.Samples = append(out.Group.Samples, s)
		}
	}
	return out
}

func newEvent(e *msg.EventJSON) *event {
	if e == nil {
		return nil
	}
	out := &event{EventJSON: e, Comm: fit(e.Comm)}
	for _, a := range e.Args {
		out.Args = append(out.Args, pair{a.Name, a.Type, fit(render.Value(a.Value))})
	}
	if p := e.Process; p != nil {
		out.Process = &process{ProcessJSON: p, Comm: fit(p.Comm), Exe: fit(p.Exe), CWD: fit(p.CWD), CommandLine: fit(join(p.Args))}
		for _, a := range p.Ancestors {
			out.Process.Ancestors = append(out.Process.Ancestors, kin{a.PID, fit(a.Comm), fit(a.Exe)})
		}
	}
	if c := e.Container; c != nil {
		out.Container = &container{ContainerJSON: c, Name: fit(c.Name), Image: fit(c.Image), Labels: labels(c.Labels)}
		if c.Pod != nil {
			out.Container.Pod = &pod{c.Pod, labels(c.Pod.Labels)}
		}
	}
	return out
}

// join makes a command line, no longer than what is shown of it.
func join(args []string) (line string) {
	for i, a := range args {
		if len(line) > maxText {
			break
		}
		if i > 0 {
			line += " "
		}
		line += a
	}
	return line
}
