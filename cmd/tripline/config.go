package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"

	enrichers "github.com/tripline/tripline/enricher/builtin"
	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/telemetry"
	"github.com/tripline/tripline/matcher"
	matchers "github.com/tripline/tripline/matcher/builtin"
	notifiers "github.com/tripline/tripline/notifier/builtin"
	sensors "github.com/tripline/tripline/sensor/builtin"
)

// config is the configuration file: one section for each part.
type config struct {
	// Host names this machine in subjects and detections.
	Host      string           `yaml:"host"`
	Telemetry telemetry.Config `yaml:"telemetry"`
	NATS      natsConfig       `yaml:"nats"`
	Sensor    sensors.Config   `yaml:"sensor"`
	Enricher  enrichers.Config `yaml:"enricher"`
	Matcher   matcherConfig    `yaml:"matcher"`
	Notifier  notifiers.Config `yaml:"notifier"`
	// Events are let through whether a rule needs them or not.
	Events []string `yaml:"events"`
	// Environment names environment variables of processes that the sensor lets
	// through whether a rule looks at them or not; "all" is all of them.
	Environment environmentConfig `yaml:"environment"`
}

type matcherConfig struct {
	matcher.Config `yaml:",inline"`
	Languages      matchers.Config `yaml:"languages"`
}

type natsConfig struct {
	bus.Config `yaml:",inline"`
	// Server is the embedded server, for `tripline run nats` and for
	// `tripline run` with no stage named.
	Server bus.ServerConfig `yaml:"server"`
}

func (c matcherConfig) validate() error {
	return errors.Join(c.Config.Validate(), c.Languages.Validate())
}

func defaultConfig() (config, error) {
	host, err := os.Hostname()
	if err != nil {
		return config{}, fmt.Errorf("the name of this host: %w; give one with --host", err)
	}
	c := config{
		Host:      host,
		Telemetry: telemetry.DefaultConfig(),
		NATS:      natsConfig{Config: bus.DefaultConfig(), Server: bus.DefaultServerConfig()},
		Sensor:    sensors.DefaultConfig(),
		Enricher:  enrichers.DefaultConfig(),
		Matcher:   matcherConfig{matcher.DefaultConfig(), matchers.DefaultConfig()},
		Notifier:  notifiers.DefaultConfig(),
	}
	c.NATS.Server.StoreDir = storeDir()
	return c, nil
}

// storeDir is where the embedded server keeps its files: what systemd gives,
// /var/lib for root, the user's own state directory otherwise.
func storeDir() string {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return filepath.Join(dir, "nats")
	}
	if os.Geteuid() == 0 {
		return "/var/lib/tripline/nats"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "tripline", "nats")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "tripline", "nats")
	}
	return filepath.Join(home, ".local", "state", "tripline", "nats")
}

// read fills c from a file; keys that it does not know are errors.
func (c *config) read(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return usagef("--config: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return usagef("%s: %w", file, err)
	}
	return nil
}

// validate reports what is wrong with the parts that are to run.
func (c *config) validate(stages stageSet) error {
	check := func(section string, err error) error {
		if err == nil {
			return nil
		}
		return usagef("configuration: %s: %w", section, err)
	}
	errs := []error{check("telemetry", c.Telemetry.Validate())}
	if c.Host == "" {
		errs = append(errs, usagef("configuration: host is empty"))
	}
	if stages[stageNATS] {
		errs = append(errs, check("nats.server", c.NATS.Server.Validate()))
	}
	for name, err := range map[string]error{
		stageSensor: c.Sensor.Validate(), stageEnricher: c.Enricher.Validate(),
		stageMatcher: c.Matcher.validate(), stageNotifier: c.Notifier.Validate(),
	} {
		if stages[name] {
			errs = append(errs, check(name, err))
		}
	}
	if held, under := c.Notifier.Policy.MaxHeld, c.NATS.Consumer.SinkPending; stages[stageNotifier] && held >= under {
		errs = append(errs, usagef("configuration: notifier.max_held is %d: it must be less than nats.consumer.sink_pending, %d, or the last ones would never come", held, under))
	}
	return errors.Join(errs...)
}

// print writes the configuration as the file would be.
func (c *config) print(w io.Writer) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	defer enc.Close()
	return enc.Encode(c)
}
