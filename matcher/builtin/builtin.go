// Package builtin is the list of rule languages that Tripline has.
package builtin

import (
	"fmt"
	"log/slog"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/matcher/golang"
	"github.com/tripline/tripline/matcher/rego"
	"github.com/tripline/tripline/rules"
	golangrules "github.com/tripline/tripline/rules/golang"
)

// Config has a section for each language that can be configured.
type Config struct {
	Rego rego.Config `yaml:"rego"`
	Expr expr.Config `yaml:"expr"`
}

// DefaultConfig is the default of every language.
func DefaultConfig() Config {
	return Config{Rego: rego.DefaultConfig(), Expr: expr.DefaultConfig()}
}

// Validate reports what is out of range in any section.
func (c Config) Validate() error {
	if err := c.Rego.Validate(); err != nil {
		return fmt.Errorf("rego: %w", err)
	}
	if err := c.Expr.Validate(); err != nil {
		return fmt.Errorf("expr: %w", err)
	}
	return nil
}

// Languages makes one of each language, in the order in which their rules are
// held against an event.
func Languages(cfg Config, log *slog.Logger) []matcher.Language {
	return []matcher.Language{
		golang.New(golangrules.Signatures(), rules.Files),
		rego.New(cfg.Rego, log),
		expr.New(cfg.Expr, log),
	}
}
