// Package golang has the rules that come with Tripline and are written in Go:
// those that need a memory or code that no rule language offers. A rule is a
// file with its test beside it, and a line in [Signatures].
package golang
