// Package builtin is the list of the sinks that come with Tripline. A new sink
// is a folder beside it and one line in [kinds].
package builtin
