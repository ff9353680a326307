package discord_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/tripline/tripline/notifier/discord"
	"github.com/tripline/tripline/notifier/sinktest"
)

func TestGolden(t *testing.T) {
	r := sinktest.NewReceiver(t)
	sinktest.GoldenJSON(t, build(t, r.URL, time.Minute), r, 20_000)
}

// TestDiscordObeysNothing holds every embed against Discord's limits, and
// looks that nothing ends the code it stands in and nobody is mentioned.
func TestDiscordObeysNothing(t *testing.T) {
	r := sinktest.NewReceiver(t)
	s := build(t, r.URL+"/api/webhooks/1/x?thread_id=7", time.Minute)
	defer s.(*discord.Sink).Close()
	for _, sample := range sinktest.Samples() {
		if sample.Name == "huge" {
			sample.Detection.Host = strings.Repeat("*h`", 1000)
			sample.Detection.Data = map[string]any{"x": strings.Repeat("`", 5000)}
		}
		if err := s.Deliver(t.Context(), sample.Detection); err != nil {
			t.Fatal(err)
		}
		got := r.Last(t)
		if got.Path != "/api/webhooks/1/x?thread_id=7&wait=true" {
			t.Errorf("posted to %s", got.Path)
		}
		var m struct {
			Embeds []struct {
				Title, Description string
				Fields             []struct{ Name, Value string }
				Footer             struct{ Text string }
			}
			AllowedMentions *struct{ Parse []string } `json:"allowed_mentions"`
		}
		if err := json.Unmarshal(got.Body, &m); err != nil || len(m.Embeds) != 1 {
			t.Fatalf("%v in %s", err, got.Body)
		}
		if m.AllowedMentions == nil || m.AllowedMentions.Parse == nil || len(m.AllowedMentions.Parse) != 0 {
			t.Errorf("mentions are allowed: %s", got.Body)
		}
		e, total := m.Embeds[0], 0
		check := func(s string, limit int) {
			t.Helper()
			n := len(utf16.Encode([]rune(s)))
			if total += n; n > limit {
				t.Errorf("%s: %d characters", sample.Name, n)
			}
			sinktest.Harmless(t, s)
		}
		check(e.Title, 256)
		if strings.Contains(strings.NewReplacer("\\`", "", `\*`, "").Replace(e.Title), "`") {
			t.Errorf("%s: title %q", sample.Name, e.Title)
		}
		check(e.Description, 4096)
		if inner := strings.TrimSuffix(strings.TrimPrefix(e.Description, "```\n"), "\n```"); strings.Contains(inner, "`") {
			t.Errorf("%s: description %q", sample.Name, e.Description)
		}
		for _, f := range e.Fields {
			check(f.Name, 256)
			check(f.Value, 1024)
			if len(f.Value) < 3 || strings.Trim(f.Value, "`") != f.Value[1:len(f.Value)-1] || strings.Contains(f.Value[1:len(f.Value)-1], "`") {
				t.Errorf("%s: %s is %q", sample.Name, f.Name, f.Value)
			}
		}
		check(e.Footer.Text, 2048)
		if total > 6000 || len(e.Fields) > 25 {
			t.Errorf("%s: %d characters in %d fields", sample.Name, total, len(e.Fields))
		}
	}
}
