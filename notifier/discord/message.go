package discord

import (
	"strings"
	"time"

	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Discord's limits are 256 for a title, 4096 for a description, 1024 for a
// value, 25 fields, and 6000 for all of an embed; the last one rules.
// https://discord.com/developers/docs/resources/message#embed-object-embed-limits
const (
	maxTitle  = 256
	maxOutput = 2000
	maxValue  = 220
)

type message struct {
	Embeds          []embed  `json:"embeds"`
	AllowedMentions mentions `json:"allowed_mentions"`
}

// mentions with an empty list allow none.
type mentions struct {
	Parse []string `json:"parse"`
}

type embed struct {
	Title       string     `json:"title"`
	Description string     `json:"description,omitempty"`
	Color       int        `json:"color"`
	Timestamp   *time.Time `json:"timestamp,omitempty"`
	Fields      []field    `json:"fields"`
	Footer      footer     `json:"footer"`
}

type field struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

type footer struct {
	Text string `json:"text"`
}

// inCode replaces the one character that ends code.
func inCode() *strings.Replacer { return strings.NewReplacer("`", "ˋ") }

// markup escapes what has a meaning in Discord's Markdown within a line.
func markup() *strings.Replacer {
	var pairs []string
	for _, c := range "\\`*_~|[]<@" {
		pairs = append(pairs, string(c), `\`+string(c))
	}
	return strings.NewReplacer(pairs...)
}

func compose(d *msg.Detection) message {
	e := embed{
		Title: render.Fit(maxTitle, render.Headline(d), markup()),
		Color: color(d.Priority), Fields: []field{},
		Footer: footer{render.Fit(maxValue, d.ID, nil)},
	}
	if out := render.Fit(maxOutput, d.Output, inCode()); out != "" {
		e.Description = "```\n" + out + "\n```"
	}
	if !d.Time.IsZero() {
		at := d.Time.UTC()
		e.Timestamp = &at
	}
	for _, f := range render.Facts(d) {
		value := strings.TrimSpace(render.Fit(maxValue, f.Value, inCode()))
		if value == "" {
			continue
		}
		e.Fields = append(e.Fields, field{f.Name, "`" + value + "`", len(value) < 40})
	}
	return message{Embeds: []embed{e}, AllowedMentions: mentions{[]string{}}}
}

// color is red, orange or blue, as 0xRRGGBB.
func color(p msg.Priority) int {
	switch {
	case p <= msg.Error:
		return 0xd32f2f
	case p <= msg.Warning:
		return 0xf57c00
	default:
		return 0x1976d2
	}
}
