package teams

import (
	"time"

	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// In bytes; together, and with each back-slash doubled by JSON, below 28 KB.
const (
	maxTitle  = 300
	maxOutput = 2000
	maxValue  = 600
)

type message struct {
	Type        string       `json:"type"`
	Attachments []attachment `json:"attachments"`
}

type attachment struct {
	ContentType string `json:"contentType"`
	Content     card   `json:"content"`
}

type card struct {
	Schema  string    `json:"$schema"`
	Type    string    `json:"type"`
	Version string    `json:"version"`
	Body    []block   `json:"body"`
	Teams   *teamsExt `json:"msteams"`
}

// teamsExt is what Teams adds to Adaptive Cards.
type teamsExt struct {
	Width string `json:"width"`
}

type block struct {
	Type    string `json:"type"`
	Spacing string `json:"spacing,omitempty"`
	Inlines []run  `json:"inlines"`
}

type run struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Weight   string `json:"weight,omitempty"`
	Size     string `json:"size,omitempty"`
	Color    string `json:"color,omitempty"`
	FontType string `json:"fontType,omitempty"`
	Subtle   bool   `json:"isSubtle,omitempty"`
}

func line(spacing string, runs ...run) block {
	for i := range runs {
		runs[i].Type = "TextRun"
	}
	return block{Type: "RichTextBlock", Spacing: spacing, Inlines: runs}
}

func compose(d *msg.Detection) message {
	c := card{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		Body: []block{line("", run{
			Text: render.Fit(maxTitle, render.Headline(d), nil), Weight: "Bolder", Size: "Large", Color: color(d.Priority),
		})},
		Teams: &teamsExt{"Full"},
	}
	if out := render.Fit(maxOutput, d.Output, nil); out != "" {
		c.Body = append(c.Body, line("", run{Text: out, FontType: "Monospace"}))
	}
	for _, f := range render.Facts(d) {
		c.Body = append(c.Body, line("None",
			run{Text: f.Name + ": ", Weight: "Bolder"},
			run{Text: render.Fit(maxValue, f.Value, nil), FontType: "Monospace"}))
	}
	c.Body = append(c.Body, line("Small", run{
		Text: d.Time.UTC().Format(time.RFC3339Nano) + "  " + render.Fit(maxValue, d.ID, nil), Subtle: true, Size: "Small",
	}))
	return message{Type: "message", Attachments: []attachment{{"application/vnd.microsoft.card.adaptive", c}}}
}

// color is one of the names that Adaptive Cards have.
func color(p msg.Priority) string {
	switch {
	case p <= msg.Error:
		return "Attention"
	case p <= msg.Warning:
		return "Warning"
	default:
		return "Accent"
	}
}
