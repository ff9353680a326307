// Package check gives conditions their meaning: it resolves fields, checks
// operators and values against types, and turns each comparison into a test
// of the current event.
//
// What is compiled once, [Compile] does; what belongs to one worker, [Bind]
// does: a bound test is a function without arguments that reads its fields
// from the worker's current event.
//
// A comparison with an absent field is false whatever its operator, != too.
package check
