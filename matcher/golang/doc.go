// Package golang runs rules written in Go against the interface of pkg/detect.
//
// Rules are compiled in: the language is made from a list of constructors. It
// keeps one instance of every signature for each partition, so that their
// memory is of one ordered stream, and makes it when the first event of the
// partition comes. An event is converted to the form that signatures see once,
// when the first signature wants it, whatever the number of signatures.
//
// Argument values have the Go types that Tracee 0.7 gives them with its option
// parse-arguments: exactly the arguments that it turns into names are names
// here, so that type assertions in signatures hold. Arguments of events that
// Tracee 0.7 does not have are names wherever the catalogue has names.
package golang
