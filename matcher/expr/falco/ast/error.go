package ast

import "fmt"

// Error is something wrong at a place of a condition or an output.
type Error struct {
	At  Pos
	Msg string
	// Unknown says that it names a field or an event type that does not exist,
	// which skip-if-unknown-filter forgives.
	Unknown bool
}

// Error implements error.
func (e *Error) Error() string { return e.Msg }

// Errorf makes an error at a place.
func Errorf(at Pos, format string, args ...any) *Error {
	return &Error{At: at, Msg: fmt.Sprintf(format, args...)}
}
