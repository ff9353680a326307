package standalone

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/detect"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  map[string]string
		want func(*Config)
		err  string
	}{
		{"nothing", nil, nil, func(*Config) {}, ""},
		{"flags", []string{"-nats", "nats://hub:4222", "-group", "g", "-workers", "3"}, nil, func(c *Config) { c.NATS, c.Group, c.Workers = "nats://hub:4222", "g", 3 }, ""},
		{"environment", nil, map[string]string{"TRIPLINE_NATS": "nats://env:1", "TRIPLINE_LOG_LEVEL": "warn"}, func(c *Config) { c.NATS, c.LogLevel = "nats://env:1", "warn" }, ""},
		{"a flag before the environment", []string{"-nats", "nats://hub:4222"}, map[string]string{"TRIPLINE_NATS": "nats://env:1"}, func(c *Config) { c.NATS = "nats://hub:4222" }, ""},
		{"no number in the environment", nil, map[string]string{"TRIPLINE_WORKERS": "many"}, nil, "TRIPLINE_WORKERS"},
		{"an argument", []string{"x"}, nil, nil, `"x" is no flag`},
		{"an unknown flag", []string{"-x"}, nil, nil, "-x"},
		{"no group", []string{"-group", ""}, nil, nil, "no group"},
		{"no workers", []string{"-workers", "0"}, nil, nil, "workers"},
		{"no such level", []string{"-log-level", "loud"}, nil, nil, "loud"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			got, err := parse(c.args, func(k string) string { return c.env[k] }, &out)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			want := DefaultConfig()
			c.want(&want)
			if err != nil || got != want {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
		})
	}
}

// lame is a signature that cannot say who it is.
type lame struct{ detect.Signature }

func (lame) GetMetadata() (detect.SignatureMetadata, error) {
	return detect.SignatureMetadata{}, errors.New("no idea")
}

// TestRunRefuses: what cannot work ends before the server is asked for.
func TestRunRefuses(t *testing.T) {
	cfg := DefaultConfig()
	cfg.NATS = "nats://127.0.0.1:1"
	for name, c := range map[string]struct {
		signatures []func() detect.Signature
		err        string
	}{
		"none": {nil, "no signatures"},
		"nil":  {[]func() detect.Signature{func() detect.Signature { return nil }}, "returned nil"},
		"lame": {[]func() detect.Signature{func() detect.Signature { return lame{} }}, "no idea"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Run(t.Context(), cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), c.signatures...)
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}
