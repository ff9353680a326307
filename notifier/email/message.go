package email

import (
	"fmt"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

func compose(d *msg.Detection, cfg Config) (*mail.Msg, error) {
	m := mail.NewMsg(mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent())
	if err := m.From(cfg.From); err != nil {
		return nil, err
	}
	if err := m.To(cfg.To...); err != nil {
		return nil, err
	}
	m.Subject(render.Fit(maxSubject, "[tripline] "+render.Headline(d), nil))
	m.SetMessageIDWithValue(messageID(d))
	when := d.Time
	if when.IsZero() {
		when = d.Detected
	}
	m.SetDateWithValue(when.UTC())
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834
	m.SetGenHeader("X-Tripline-Rule", render.Fit(maxSubject, d.Rule.ID, nil))
	m.SetGenHeader("X-Tripline-Priority", d.Priority.String())
	if d.Priority <= msg.Critical {
		m.SetImportance(mail.ImportanceHigh)
	}
	m.SetBodyString(mail.TypeTextPlain, body(d))
	return m, nil
}

// messageID is made from the id alone, so that a repetition has the same.
func messageID(d *msg.Detection) string {
	var b strings.Builder
	for _, c := range d.ID {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			b.WriteRune(c)
		}
	}
	id := b.String()
	return id[:min(len(id), 128)] + "@tripline.invalid" // RFC 2606
}

func body(d *msg.Detection) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\r\n\r\n", render.Fit(maxFact, render.Headline(d), nil))
	if d.Output != "" {
		fmt.Fprintf(&b, "%s\r\n\r\n", render.Fit(maxOutput, d.Output, nil))
	}
	fmt.Fprintf(&b, "%-16s %s\r\n", "Time", d.Time.UTC().Format(time.RFC3339Nano))
	for _, f := range render.Facts(d) {
		fmt.Fprintf(&b, "%-16s %s\r\n", f.Name, render.Fit(maxFact, f.Value, nil))
	}
	fmt.Fprintf(&b, "%-16s %s\r\n", "Detection", render.Fit(maxSubject, d.ID, nil))
	return b.String()
}
