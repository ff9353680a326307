package slack

import (
	"strings"
	"time"

	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// Slack's limits, in characters. The output gets less than a section may
// hold, since people scroll.
// https://docs.slack.dev/reference/block-kit/blocks
const (
	maxHeader  = 150
	maxOutput  = 2000
	maxField   = 600
	maxFields  = 10 // in one section
	maxContext = 500
)

// message is the body of an incoming webhook.
type message struct {
	// Text is what notifications and readers of screens get.
	Text        string  `json:"text"`
	Mrkdwn      bool    `json:"mrkdwn"`
	UnfurlLinks bool    `json:"unfurl_links"`
	UnfurlMedia bool    `json:"unfurl_media"`
	Blocks      []block `json:"blocks"`
}

type block struct {
	Type     string `json:"type"`
	Text     *text  `json:"text,omitempty"`
	Fields   []text `json:"fields,omitempty"`
	Elements []text `json:"elements,omitempty"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
	// Verbatim turns off links and mentions that are not marked up as such;
	// only mrkdwn has it.
	Verbatim *bool `json:"verbatim,omitempty"`
	// Emoji stays false: :skull: is text. Only plain_text has it.
	Emoji *bool `json:"emoji,omitempty"`
}

func plain(s string) *text {
	no := false
	return &text{Type: "plain_text", Text: s, Emoji: &no}
}

func mrkdwn(s string) text {
	yes := true
	return text{Type: "mrkdwn", Text: s, Verbatim: &yes}
}

// entities are all that Slack asks for.
// https://docs.slack.dev/messaging/formatting-message-text#escaping
func entities() *strings.Replacer {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
}

// inCode is entities, and the back-tick as a letter that looks like it.
func inCode() *strings.Replacer {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "`", "ˋ")
}

// span shows a value as code. Space at an end would keep Slack from seeing it
// as such.
func span(limit int, s string) string {
	s = strings.TrimSpace(render.Fit(limit, s, inCode()))
	if s == "" {
		return "–"
	}
	return "`" + s + "`"
}

func compose(d *msg.Detection) message {
	headline := render.Fit(maxHeader, render.Headline(d), entities())
	m := message{
		Text:   headline,
		Blocks: []block{{Type: "header", Text: plain(headline)}},
	}
	if out := render.Fit(maxOutput, d.Output, inCode()); out != "" {
		t := mrkdwn("```\n" + out + "\n```")
		m.Blocks = append(m.Blocks, block{Type: "section", Text: &t})
	}
	var fields []text
	for _, f := range render.Facts(d) {
		fields = append(fields, mrkdwn("*"+entities().Replace(f.Name)+"*\n"+span(maxField, f.Value)))
	}
	for len(fields) > 0 {
		n := min(maxFields, len(fields))
		m.Blocks = append(m.Blocks, block{Type: "section", Fields: fields[:n]})
		fields = fields[n:]
	}
	m.Blocks = append(m.Blocks, block{Type: "context", Elements: []text{
		mrkdwn(d.Time.UTC().Format(time.RFC3339Nano) + "  " + span(maxContext, d.ID)),
	}})
	return m
}
