// Package ast holds the syntax tree of Falco's condition language, the text
// that it was read from with the place of every byte of it, and the printer
// that gives the canonical form.
package ast
