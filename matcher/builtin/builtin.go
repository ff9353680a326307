// Package builtin is the list of rule languages that Tripline has.
package builtin

import (
	"log/slog"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/golang"
	"github.com/tripline/tripline/rules"
	golangrules "github.com/tripline/tripline/rules/golang"
)

// Languages makes one of each language.
func Languages(log *slog.Logger) []matcher.Language {
	return []matcher.Language{
		golang.New(golangrules.Signatures(), rules.Files),
	}
}
