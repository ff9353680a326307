package builtin_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v4"

	"github.com/tripline/tripline/sensor/builtin"
)

func TestConfig(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"defaults", "", ""},
		{"all levels", "queue_events: 5000\nsource: ebpf\nebpf: {batch_events: 100}\nreplay: {speed: 2}", ""},
		{"unknown source", "source: tea-leaves", `"tea-leaves" is not one of ebpf, replay`},
		{"of the stage", "queue_events: 1", "sensor: queue_events: 1"},
		{"of the source in use", "source: replay", "sensor.replay: file: which recording?"},
		{"unknown key", "queue_event: 1", "queue_event"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := builtin.DefaultConfig()
			err := yaml.Load([]byte("{}\n"), &cfg)
			if c.text != "" {
				err = yaml.Load([]byte(c.text), &cfg, yaml.WithKnownFields())
			}
			if err == nil {
				err = cfg.Validate()
			}
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	cfg := builtin.DefaultConfig()
	cfg.Source = "replay"
	cfg.Replay.File = "/nonexistent/events.rec"
	src, err := builtin.New(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err == nil || src != nil || !strings.Contains(err.Error(), cfg.Replay.File) {
		t.Errorf("New = %v, %v", src, err)
	}
}
