// Package rules embeds the rules that come with Tripline: one rule, one file,
// its tests beside it, in a folder for each language.
package rules

import "embed"

// Files holds the rule files, in the folders golang, rego and expr.
//
//go:embed golang rego expr
var Files embed.FS
