// Package output renders a rule's output: text with %field and
// %transformer(…) in it, optionally with a width as in %10proc.name. The
// longest text after the percent sign that names a field is taken.
package output
