package telegram

import (
	"strings"
	"time"

	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// In bytes with their entities; together below Telegram's 4096 characters.
const (
	maxTitle  = 250
	maxOutput = 1500
	maxValue  = 140
)

type message struct {
	ChatID    string  `json:"chat_id"`
	ThreadID  int64   `json:"message_thread_id,omitempty"`
	Text      string  `json:"text"`
	ParseMode string  `json:"parse_mode"`
	Silent    bool    `json:"disable_notification,omitempty"`
	Preview   preview `json:"link_preview_options"`
}

type preview struct {
	Disabled bool `json:"is_disabled"`
}

// entities are those that Telegram asks for.
// https://core.telegram.org/bots/api#html-style
func entities() *strings.Replacer {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
}

func compose(d *msg.Detection, cfg Config) message {
	var b strings.Builder
	element := func(before, name string, limit int, text, after string) {
		if text = render.Fit(limit, text, entities()); text != "" {
			b.WriteString(before + "<" + name + ">" + text + "</" + name + ">" + after)
		}
	}
	element("", "b", maxTitle, render.Headline(d), "\n")
	element("", "pre", maxOutput, d.Output, "\n")
	for _, f := range render.Facts(d) {
		element(entities().Replace(f.Name)+": ", "code", maxValue, f.Value, "\n")
	}
	element(d.Time.UTC().Format(time.RFC3339)+"  ", "code", maxValue, d.ID, "")
	return message{
		ChatID: cfg.ChatID, ThreadID: cfg.ThreadID, Silent: cfg.Silent,
		Text: b.String(), ParseMode: "HTML", Preview: preview{true},
	}
}
