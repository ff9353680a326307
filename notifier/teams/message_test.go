package teams_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/notifier/teams"
)

func TestGolden(t *testing.T) {
	r := sinktest.NewReceiver(t)
	sinktest.GoldenJSON(t, build(t, r.URL, time.Minute), r, 28_000)
}

// TestEverythingIsPlainText: no text stands where Teams reads Markdown, and
// the largest card is small enough.
func TestEverythingIsPlainText(t *testing.T) {
	r := sinktest.NewReceiver(t)
	s := build(t, r.URL, time.Minute)
	defer s.(*teams.Sink).Close()
	long := strings.Repeat("\x1b\xff", 50_000)
	worst := sinktest.Hostile()
	worst.Host, worst.Rule.ID, worst.Rule.Name, worst.Rule.MITRE, worst.Output = long, long, long, long, long
	p, c := worst.Event.Process, worst.Event.Container
	p.Comm, p.Exe, p.User, p.Args, p.Ancestors[0].Comm = long, long, long, []string{long}, long
	c.Name, c.Image, c.Pod.Name, worst.Event.Name = long, long, long, long
	for _, d := range append(sinktest.Samples(), sinktest.Sample{Name: "worst", Detection: worst}) {
		if err := s.Deliver(t.Context(), d.Detection); err != nil {
			t.Fatal(err)
		}
		body := r.Last(t).Body
		if len(body) > 28_000 {
			t.Errorf("%s: %d bytes", d.Name, len(body))
		}
		var m struct {
			Type        string
			Attachments []struct {
				ContentType string
				Content     struct {
					Type string
					Body []struct {
						Type    string
						Text    string
						Inlines []struct{ Type, Text string }
					}
				}
			}
		}
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatal(err)
		}
		if m.Type != "message" || len(m.Attachments) != 1 || m.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
			t.Fatalf("%s: %s", d.Name, body)
		}
		for _, b := range m.Attachments[0].Content.Body {
			if b.Type != "RichTextBlock" || b.Text != "" || len(b.Inlines) == 0 {
				t.Errorf("%s: %+v", d.Name, b)
			}
			for _, in := range b.Inlines {
				if in.Type != "TextRun" || in.Text == "" {
					t.Errorf("%s: %+v", d.Name, in)
				}
				sinktest.Harmless(t, in.Text)
			}
		}
	}
}
