package webhook_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tripline/tripline/notifier/sinktest"
	"github.com/tripline/tripline/notifier/webhook"
)

// TestPayloads freezes the built-in forms, which receivers parse.
func TestPayloads(t *testing.T) {
	for name, contentType := range map[string]string{
		"detection":     "application/json",
		"cloudevents":   "application/cloudevents+json; charset=utf-8",
		"falcosidekick": "application/json",
	} {
		t.Run(name, func(t *testing.T) {
			r := sinktest.NewReceiver(t)
			cfg := config(r.URL)
			cfg.Payload = name
			s := build(t, cfg)
			for _, sample := range sinktest.Samples() {
				if err := s.Deliver(t.Context(), sample.Detection); err != nil {
					t.Fatal(err)
				}
				got := r.Last(t)
				if v := got.Header.Get("Content-Type"); v != contentType {
					t.Errorf("content type %q", v)
				}
				var b bytes.Buffer
				if err := json.Indent(&b, got.Body, "", "  "); err != nil {
					t.Fatalf("%v in %q", err, got.Body)
				}
				if name != "detection" && sample.Name != "huge" {
					sinktest.Harmless(t, string(got.Body))
					sinktest.Golden(t, name+"-"+sample.Name+".json", append(b.Bytes(), '\n'))
				}
			}
		})
	}
}

// TestPayloadsKeepWhatTheyCarry: escaping loses nothing.
func TestPayloadsKeepWhatTheyCarry(t *testing.T) {
	r := sinktest.NewReceiver(t)
	cfg := config(r.URL)
	cfg.Payload, cfg.ContentType = "falcosidekick", "application/x"
	if err := build(t, cfg).Deliver(t.Context(), sinktest.Hostile()); err != nil {
		t.Fatal(err)
	}
	var falco struct {
		OutputFields map[string]any `json:"output_fields"`
		Output       string
	}
	got := r.Last(t)
	if err := json.Unmarshal(got.Body, &falco); err != nil {
		t.Fatal(err)
	}
	if falco.OutputFields["container.name"] != sinktest.HostileText || falco.OutputFields["proc.name"] != sinktest.HostileText {
		t.Errorf("fields %q", falco.OutputFields)
	}
	if strings.ContainsAny(falco.Output, "\n\x1b") || got.Header.Get("Content-Type") != "application/x" {
		t.Errorf("%q as %s", falco.Output, got.Header.Get("Content-Type"))
	}
	cfg.Payload = "cloudevents"
	if err := build(t, cfg).Deliver(t.Context(), sinktest.Hostile()); err != nil {
		t.Fatal(err)
	}
	var event struct {
		SpecVersion, ID, Source, Type string
		Data                          struct{ Event struct{ Comm string } }
	}
	if err := json.Unmarshal(r.Last(t).Body, &event); err != nil {
		t.Fatal(err)
	}
	if event.SpecVersion != "1.0" || event.ID != sinktest.Hostile().ID || event.Source != "/tripline/hosts/test-host" || event.Data.Event.Comm != sinktest.HostileText {
		t.Errorf("%+v", event)
	}
}

func TestPayloadRefuses(t *testing.T) {
	for _, c := range []struct{ payload, template, want string }{
		{"xml", "", `payload: "xml" is not one of cloudevents, detection, falcosidekick`},
		{"", "", `payload: "" is not one of`},
		{"cloudevents", "x", "payload: cloudevents is given beside a template"},
	} {
		cfg := config("http://localhost:1/x")
		cfg.Payload, cfg.Template = c.payload, c.template
		if _, err := webhook.New(cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New = %v, want %q", err, c.want)
		}
	}
}
