package expr

import (
	"fmt"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/loader"
	"github.com/tripline/tripline/matcher/expr/falco/output"
	"github.com/tripline/tripline/pkg/msg"
)

// Matching says how many rules an event can match.
type Matching string

// The ways of matching.
const (
	// First stops at the first rule, in load order, that holds.
	First Matching = "first"
	// All goes on.
	All Matching = "all"
)

// Config is the section of the configuration about YAML rules. Its keys are
// those that Falco's users know.
type Config struct {
	// RuleMatching is "first" or "all".
	RuleMatching Matching `yaml:"rule_matching"`
	// Priority drops rules that are less severe.
	Priority msg.Priority `yaml:"priority"`
	// Rules turns rules on and off, in order.
	Rules []Selection `yaml:"rules"`
	// AppendOutput adds to the outputs of rules.
	AppendOutput []loader.Append `yaml:"append_output"`
	// StaticFields are constants that rules see as static.<name>.
	StaticFields map[string]string `yaml:"static_fields"`
	// MaxState bounds what each rule about several events remembers of a
	// partition: the events, or values, and groups that it counts. Beyond it,
	// the groups that changed longest ago are dropped.
	MaxState int `yaml:"max_state"`
	// MaxStateBytes bounds about how much memory all that takes in each of the
	// matcher's workers; then the rule that remembers most drops groups.
	MaxStateBytes int `yaml:"max_state_bytes"`
}

// minStateBytes is the least of MaxStateBytes.
const minStateBytes = 1 << 20

// Selection is an entry of Rules: one of both.
type Selection struct {
	Enable  *Target `yaml:"enable"`
	Disable *Target `yaml:"disable"`
}

// Target names rules, with * for any text, or a tag.
type Target struct {
	Rule string `yaml:"rule"`
	Tag  string `yaml:"tag"`
}

// DefaultConfig is what Falco does without a configuration.
func DefaultConfig() Config {
	return Config{
		RuleMatching: First,
		Priority:     msg.Debug,
		AppendOutput: []loader.Append{{Suggested: true}},
		MaxState:     1 << 17,

		MaxStateBytes: 64 << 20,
	}
}

// Validate says what is wrong with a configuration.
func (c *Config) Validate() error {
	if c.RuleMatching != First && c.RuleMatching != All {
		return fmt.Errorf("rule_matching is %q, expected first or all", c.RuleMatching)
	}
	if c.MaxState <= loader.MaxCount {
		return fmt.Errorf("max_state is %d, expected more than %d, the largest count of a threshold", c.MaxState, loader.MaxCount)
	}
	if c.MaxStateBytes < minStateBytes {
		return fmt.Errorf("max_state_bytes is %d, expected at least %d", c.MaxStateBytes, minStateBytes)
	}
	for i, s := range c.Rules {
		if (s.Enable == nil) == (s.Disable == nil) {
			return fmt.Errorf("rules[%d]: expected either enable or disable", i)
		}
		if t := s.target(); t.Rule == "" && t.Tag == "" {
			return fmt.Errorf("rules[%d]: expected a rule or a tag", i)
		}
	}
	table := fields.NewTable(c.StaticFields)
	for i, a := range c.AppendOutput {
		texts := []string{a.Output}
		for name, format := range a.Fields {
			if format == "" {
				format = "%" + name
			}
			texts = append(texts, format)
		}
		for _, t := range texts {
			if _, err := output.Compile(ast.Plain(t), table); err != nil {
				return fmt.Errorf("append_output[%d]: %q: %w", i, t, err)
			}
		}
	}
	return nil
}

func (s Selection) target() Target {
	if s.Enable != nil {
		return *s.Enable
	}
	return *s.Disable
}

// options turns the configuration into that of the loader.
func (c *Config) options() loader.Options {
	o := loader.Options{
		Fields:      fields.NewTable(c.StaticFields),
		MinPriority: &c.Priority,
		Append:      c.AppendOutput,
	}
	for _, s := range c.Rules {
		t := s.target()
		o.Select = append(o.Select, loader.Selection{Enable: s.Enable != nil, Rule: t.Rule, Tag: t.Tag})
	}
	return o
}
