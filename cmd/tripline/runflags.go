package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/pflag"

	notifiers "github.com/tripline/tripline/notifier/builtin"
)

// runFlags are the flags of run: those most often needed. The rest is in the
// configuration file.
type runFlags struct {
	file        string
	printConfig bool
	nats        string
	set         map[string]func(*config) error
}

func (f *runFlags) register(fs *pflag.FlagSet) {
	f.registerNATS(fs)
	fs.BoolVar(&f.printConfig, "print-config", false, "print the configuration with all its keys and stop")

	text(f, fs, "host", "name of this host in subjects and detections", func(c *config) *string { return &c.Host })
	text(f, fs, "http", "`host:port` to serve /metrics, /healthz and /readyz on", func(c *config) *string { return &c.Telemetry.HTTP.Listen })
	text(f, fs, "listen", "nats: `host:port` of the embedded server", func(c *config) *string { return &c.NATS.Server.Listen })
	text(f, fs, "store-dir", "nats: `directory` of the streams kept in files", func(c *config) *string { return &c.NATS.Server.StoreDir })
	text(f, fs, "nats-config", "nats: `file` with the embedded server's own configuration: users, TLS, cluster, leaf nodes", func(c *config) *string { return &c.NATS.Server.ConfigFile })
	list(f, fs, "events", "sensor: let these `events` through whether a rule needs them or not", func(c *config) *[]string { return &c.Events })
	list(f, fs, "environment", "sensor: let the environment variables of these `names` through whether a rule looks at them or not; \"all\" for all, which holds secrets", func(c *config) *[]string { return (*[]string)(&c.Environment) })
	list(f, fs, "rules-dir", "matcher: `directory` or file of rules, or \"builtin\"; repeatable", func(c *config) *[]string { return &c.Matcher.Rules })
	list(f, fs, "rules", "matcher: run only the rules with these `ids` (or patterns of ids and names, or tag:NAME; with ! before it, all but those)", func(c *config) *[]string { return &c.Matcher.Select })

	scope := fs.StringArray("scope", nil, "sensor: watch only what this `condition` holds for, such as container, host, uid=0, comm!=sshd; repeatable, see docs/scope.md")
	f.set["scope"] = func(c *config) error { c.Sensor.EBPF.Scope = *scope; return nil }
	replay := fs.String("replay", "", "sensor: replay the batches of this `file` instead of watching the kernel")
	f.set["replay"] = func(c *config) error {
		c.Sensor.Source, c.Sensor.Replay.File = "replay", *replay
		return nil
	}
	socket := fs.String("docker-socket", "", "enricher: `path` of the Docker engine's socket")
	f.set["docker-socket"] = func(c *config) error { return c.dockerSocket(*socket) }
	output := fs.String("output", "", "notifier: `format` on standard output: classic, json, falco or none")
	f.set["output"] = func(c *config) error { return c.stdoutSink(*output) }
	hook := &webhookFlags{}
	fs.StringVar(&hook.url, "webhook", "", "notifier: `URL` that detections are posted to")
	fs.StringVar(&hook.template, "webhook-template", "", "notifier: `file` with the template of the posted body")
	fs.StringVar(&hook.contentType, "webhook-content-type", "", "notifier: content `type` of the posted body")
	f.set["webhook"] = func(c *config) error { return c.webhookSink(hook) }
	for _, name := range []string{"webhook-template", "webhook-content-type"} {
		f.set[name] = func(*config) error {
			if hook.url == "" {
				return usagef("--%s goes with --webhook", name)
			}
			return nil
		}
	}
}

// registerNATS adds the flags that say how to reach the server and what it is
// to keep.
func (f *runFlags) registerNATS(fs *pflag.FlagSet) {
	f.set = map[string]func(*config) error{}
	fs.StringVar(&f.file, "config", "", "configuration `file` (YAML); flags and the environment come before it")
	fs.StringVar(&f.nats, "nats", "", "`URL` of a NATS server elsewhere")
	f.set["nats"] = func(c *config) error { c.NATS.URL = f.nats; return nil }
	text(f, fs, "log-level", "debug, info, warn or error", func(c *config) *string { return &c.Telemetry.Log.Level })
	text(f, fs, "log-format", "text, json or auto", func(c *config) *string { return &c.Telemetry.Log.Format })
	text(f, fs, "credentials", "nats: `file` with credentials (.creds)", func(c *config) *string { return &c.NATS.CredentialsFile })
	text(f, fs, "nkey", "nats: `file` with the seed of an nkey", func(c *config) *string { return &c.NATS.NKeyFile })
	text(f, fs, "tls-ca", "nats: `file` with the certificates of the authorities that vouch for the server", func(c *config) *string { return &c.NATS.TLS.CAFile })
	replicas := fs.Int("replicas", 0, "nats: `servers` of a cluster that each keep detections, dead letters and demand")
	f.set["replicas"] = func(c *config) error { c.NATS.Streams.Replicas = *replicas; return nil }
	yes(f, fs, "edge-events", "nats: fetch the edges' enriched events too, for matchers here", func(c *config) *bool { return &c.NATS.Streams.EdgeEvents })
	yes(f, fs, "hub-demand", "nats, at an edge: serve what matchers and people at the hub ask for", func(c *config) *bool { return &c.NATS.Streams.HubDemand })
	list(f, fs, "edges", "nats: `names` of hosts whose own servers store detections, which are fetched from there", func(c *config) *[]string { return &c.NATS.Streams.Edges })
}

type webhookFlags struct {
	url, template, contentType string
}

// text and list bind a flag to a field of the configuration.
func text(f *runFlags, fs *pflag.FlagSet, name, usage string, field func(*config) *string) {
	v := fs.String(name, "", usage)
	f.set[name] = func(c *config) error { *field(c) = *v; return nil }
}

func yes(f *runFlags, fs *pflag.FlagSet, name, usage string, field func(*config) *bool) {
	v := fs.Bool(name, false, usage)
	f.set[name] = func(c *config) error { *field(c) = *v; return nil }
}

func list(f *runFlags, fs *pflag.FlagSet, name, usage string, field func(*config) *[]string) {
	v := fs.StringSlice(name, nil, usage)
	f.set[name] = func(c *config) error { *field(c) = *v; return nil }
}

// config puts defaults, file, environment and flags together.
func (f *runFlags) config(fs *pflag.FlagSet) (*config, error) {
	c, err := defaultConfig()
	if err != nil {
		return nil, err
	}
	if f.file != "" {
		if err := c.read(f.file); err != nil {
			return nil, err
		}
	}
	var errs []error
	fs.Visit(func(flag *pflag.Flag) {
		if set, ok := f.set[flag.Name]; ok {
			if err := set(&c); err != nil {
				errs = append(errs, fmt.Errorf("--%s: %w", flag.Name, err))
			}
		}
	})
	if len(errs) > 0 {
		return nil, usageError{errors.Join(errs...)}
	}
	return &c, nil
}

func (c *config) dockerSocket(path string) error {
	if _, err := os.Stat(path); err != nil {
		// It may come later; the enricher keeps trying.
		if !os.IsNotExist(err) {
			return err
		}
	}
	for i, r := range c.Enricher.Runtimes {
		if r.Kind == "docker" {
			c.Enricher.Runtimes[i].Socket = path
			return nil
		}
	}
	return fmt.Errorf("the configuration has no runtime of kind docker")
}

// stdoutSink chooses what is printed: it takes the place of the sinks of that
// type in the configuration.
func (c *config) stdoutSink(format string) error {
	sinks := slices.DeleteFunc(c.Notifier.Sinks, func(s notifiers.SinkConfig) bool { return s.Type == "stdout" })
	if format != "none" {
		sinks = append([]notifiers.SinkConfig{notifiers.Stdout("stdout", format)}, sinks...)
	}
	c.Notifier.Sinks = sinks
	return nil
}

// webhookSink adds a webhook to the sinks of the configuration.
func (c *config) webhookSink(f *webhookFlags) error {
	c.Notifier.Sinks = append(c.Notifier.Sinks, notifiers.Webhook("webhook", f.url, f.template, f.contentType))
	return nil
}
