package builtin

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/policy"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/notifier/stdout"
	"github.com/tripline/tripline/notifier/webhook"
)

// Config is the section "notifier" of the configuration file.
type Config struct {
	notifier.Config `yaml:",inline"`
	// Sinks are told in parallel; several may be of one type.
	Sinks []SinkConfig `yaml:"sinks"`
	// Who of them is told of what, and when.
	Policy policy.Config `yaml:",inline"`
}

// DefaultConfig prints on the terminal.
func DefaultConfig() Config {
	return Config{
		Config: notifier.DefaultConfig(), Policy: policy.DefaultConfig(),
		Sinks: []SinkConfig{Stdout("stdout", render.FormatClassic)},
	}
}

// SinkConfig is one sink: in YAML its name, its type, and beside them the
// fields of the type's own configuration.
type SinkConfig struct {
	Name string
	Type string

	settings settings
}

// settings is what a kind has decoded.
type settings interface {
	validate() error
	build(Env) (notifier.Sink, error)
	// entry is what stands in YAML.
	entry(name, kind string) any
}

// kind is one line of the list.
type kind struct {
	name string
	// people read what this kind of sink is told: many alike are rolled up
	// unless a route says otherwise.
	people bool
	decode func(unmarshal func(any) error) (settings, error)
}

// chat makes a line of the list for a sink that people read.
func chat[C interface{ Validate() error }](name string, defaults func() C, build func(C, Env) (notifier.Sink, error)) kind {
	k := sink(name, defaults, build)
	k.people = true
	return k
}

// sink makes a line of the list from a sink's own package.
func sink[C interface{ Validate() error }](name string, defaults func() C, build func(C, Env) (notifier.Sink, error)) kind {
	return kind{name, false, func(unmarshal func(any) error) (settings, error) {
		entry := entry[C]{Config: defaults()}
		if err := unmarshal(&entry); err != nil {
			return nil, err
		}
		return configured[C]{entry.Config, build}, nil
	}}
}

// entry is one sink in YAML: the fields that all sinks have stand beside those
// of the type.
type entry[C any] struct {
	Name   string `yaml:"name"`
	Type   string `yaml:"type"`
	Config C      `yaml:",inline"`
}

type configured[C interface{ Validate() error }] struct {
	cfg C
	new func(C, Env) (notifier.Sink, error)
}

func (c configured[C]) validate() error                    { return c.cfg.Validate() }
func (c configured[C]) build(e Env) (notifier.Sink, error) { return c.new(c.cfg, e) }
func (c configured[C]) entry(name, kind string) any        { return entry[C]{name, kind, c.cfg} }

// Types lists the types of sinks.
func Types() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, k.name)
	}
	return out
}

// UnmarshalYAML reads the entry as its type asks.
func (s *SinkConfig) UnmarshalYAML(unmarshal func(any) error) error {
	var head struct {
		Name string         `yaml:"name"`
		Type string         `yaml:"type"`
		Rest map[string]any `yaml:",inline"`
	}
	if err := unmarshal(&head); err != nil {
		return err
	}
	for _, k := range kinds() {
		if k.name != head.Type {
			continue
		}
		set, err := k.decode(unmarshal)
		if err != nil {
			return fmt.Errorf("sink %q: %w", head.Name, err)
		}
		*s = SinkConfig{Name: head.Name, Type: head.Type, settings: set}
		return nil
	}
	return fmt.Errorf("sink %q: type %q is not one of %s", head.Name, head.Type, strings.Join(Types(), ", "))
}

// String is the name and the type: package fmt would show the secrets within,
// since it calls no methods of what is not exported.
func (s SinkConfig) String() string { return s.Name + " (" + s.Type + ")" }

// GoString is the same.
func (s SinkConfig) GoString() string { return s.String() }

// MarshalYAML writes the entry with all keys of its type, so that it can be
// read back. Secrets that are given in place are written as a placeholder,
// which nothing reads back; names of files that hold secrets stay.
func (s SinkConfig) MarshalYAML() (any, error) {
	if s.settings == nil {
		return nil, fmt.Errorf("sink %q: has no type", s.Name)
	}
	return s.settings.entry(s.Name, s.Type), nil
}

// Stdout configures a sink that prints in one of the formats of package render.
func Stdout(name, format string) SinkConfig {
	c := stdout.DefaultConfig()
	c.Format.Format = format
	return SinkConfig{name, "stdout", configured[stdout.Config]{c, newStdout}}
}

// Webhook configures a sink that posts to a URL; template file and content
// type may be empty, for the defaults.
func Webhook(name, url, templateFile, contentType string) SinkConfig {
	c := webhook.DefaultConfig()
	c.URL, c.TemplateFile = notifier.Secret(url), templateFile
	if contentType != "" {
		c.ContentType = contentType
	}
	return SinkConfig{name, "webhook", configured[webhook.Config]{c, newWebhook}}
}

// nameForm is what a sink may be called: the name becomes part of a subject, a
// consumer and metric labels.
const nameForm = `^[A-Za-z0-9_-]{1,40}$`

// Validate reports everything that is wrong and can be told without reading
// other files.
func (c Config) Validate() error {
	errs := []error{}
	if err := c.Config.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("notifier: %w", err))
	}
	if len(c.Sinks) == 0 {
		errs = append(errs, errors.New("notifier.sinks: none is given, so nobody would be told"))
	}
	name, seen := regexp.MustCompile(nameForm), map[string]bool{}
	for i, s := range c.Sinks {
		where := fmt.Sprintf("notifier.sinks[%d]", i)
		switch {
		case s.settings == nil:
			errs = append(errs, fmt.Errorf("%s: has no type", where))
			continue
		case !name.MatchString(s.Name):
			errs = append(errs, fmt.Errorf("%s: the name %q is not of 1 to 40 letters, digits, - and _", where, s.Name))
		case seen[s.Name]:
			errs = append(errs, fmt.Errorf("%s: the name %q is taken", where, s.Name))
		}
		seen[s.Name] = true
		if err := s.settings.validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s (%s): %w", where, s.Name, err))
		}
	}
	if err := c.Policy.Validate(c.names()); err != nil {
		errs = append(errs, fmt.Errorf("notifier: %w", err))
	}
	return errors.Join(errs...)
}

func (c Config) names() (out []string) {
	for _, s := range c.Sinks {
		out = append(out, s.Name)
	}
	return out
}

// Rules compiles what the configuration says of who is told of what, and when.
func (c Config) Rules(env Env) (*policy.Policy, error) {
	p, err := policy.New(c.Policy, c.names(), env.Condition)
	if err != nil {
		return nil, fmt.Errorf("notifier: %w", err)
	}
	return p, nil
}

// Groups says how sinks are told of many alike where no route says it, by the
// name of the sink; those that are told of each are not in it.
func (c Config) Groups() map[string]*policy.Group {
	out := map[string]*policy.Group{}
	for _, s := range c.Sinks {
		for _, k := range kinds() {
			if k.name == s.Type && k.people {
				g := policy.DefaultGroup()
				out[s.Name] = &g
			}
		}
	}
	return out
}

// Sinks makes the sinks that the configuration names, in order.
func Sinks(c Config, env Env) ([]notifier.Named, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var out []notifier.Named
	groups := c.Groups()
	for _, s := range c.Sinks {
		built, err := s.settings.build(env)
		if err != nil {
			return nil, fmt.Errorf("notifier: sink %s: %w", s.Name, err)
		}
		out = append(out, notifier.Named{Name: s.Name, Sink: built, Group: groups[s.Name]})
	}
	return out, nil
}
