package alertmanager

import (
	"maps"
	"strings"
	"time"

	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

const (
	maxLabel      = 256
	maxAnnotation = 4096
)

// alert is a postableAlert of the API. Empty values are left out, as the
// Alertmanager takes an empty label for none.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	// StartsAt is left out when it is not known: then it is when the alert
	// arrives.
	StartsAt *time.Time `json:"startsAt,omitempty"`
}

// ownLabels are those that the configuration may not give.
func ownLabels() []string {
	return []string{"alertname", "rule", "priority", "severity", "host", "container", "image", "namespace", "pod"}
}

func compose(d *msg.Detection, extra map[string]string) alert {
	a := alert{Labels: map[string]string{}, Annotations: map[string]string{}}
	maps.Copy(a.Labels, extra)
	label := func(name, value string) {
		if value != "" {
			a.Labels[name] = render.Fit(maxLabel, value, nil)
		}
	}
	label("alertname", d.Rule.ID)
	label("rule", d.Rule.Name)
	label("priority", d.Priority.String())
	label("severity", severity(d.Priority))
	label("host", d.Host)
	if d.Event != nil && d.Event.Container != nil {
		c := d.Event.Container
		label("container", c.Name)
		if c.Name == "" {
			label("container", render.ShortID(c.ID))
		}
		label("image", c.Image)
		if c.Pod != nil {
			label("namespace", c.Pod.Namespace)
			label("pod", c.Pod.Name)
		}
	}
	note := func(name, value string) {
		if value != "" {
			a.Annotations[name] = render.Fit(maxAnnotation, value, nil)
		}
	}
	note("summary", render.Headline(d))
	note("description", d.Output)
	note("detection_id", d.ID)
	note("rule_description", d.Rule.Description)
	for _, f := range render.Facts(d) {
		switch f.Name {
		case "Event", "Process", "Executable", "Command line", "User", "Parent", "Data", "MITRE ATT&CK":
			note(strings.NewReplacer(" ", "_", "&", "").Replace(strings.ToLower(f.Name)), f.Value)
		}
	}
	if !d.Time.IsZero() {
		at := d.Time.UTC()
		a.StartsAt = &at
	}
	return a
}

// severity is the priority on the scale that alerts of Prometheus use by
// custom: critical, warning, info.
func severity(p msg.Priority) string {
	switch {
	case p <= msg.Critical:
		return "critical"
	case p <= msg.Warning:
		return "warning"
	default:
		return "info"
	}
}
