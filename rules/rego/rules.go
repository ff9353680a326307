// Package rego holds the Rego rules that come with Tripline: one rule a file,
// its tests beside it. README.md says how to write one.
package rego

import (
	"embed"
	"io/fs"
)

//go:embed *.rego
var files embed.FS

// FS returns the rules and their tests, all in the root directory.
func FS() fs.FS { return files }
