// Package expr is the rule language of YAML files: Falco's, whose conditions
// are given by `condition:`, and expr's own expressions over the same fields,
// given by `expr:`. Both become programs of expr's virtual machine.
//
// A comparison of a condition becomes one function without arguments, an atom,
// that reads its fields from the worker's current event; and, or and not are
// expr's. So every worker compiles a set of programs of its own, since atoms
// hold on to its event. Atoms that several rules share are made once.
//
// The language itself is in the folder falco: its parser, its fields, what its
// operators mean, how files are put together and how outputs are rendered.
package expr
