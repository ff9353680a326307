// Package catalogue names the events that Tripline knows, with their
// arguments, types and the names of their flags.
//
// # Ids
//
// Ids are part of the contract: a system call's id is its x86-64 number on
// every architecture, the calls of other architectures that x86-64 lacks
// follow from 600, everything that is not a system call starts at 1000: life
// of processes and containers at 1000, what the kernel did at 1100, its
// security hooks at 1200, the network at 1300. Ids and the positions of
// arguments never change; new arguments come last.
//
// # Names and numbers
//
// Arguments are named as Tracee's users know them where Tracee has the event,
// else as the kernel's own tracepoints name them. Numbers are those of Linux's
// headers on x86-64. Where another architecture gives a flag another number
// the sensor translates it, see [OpenFlagsFromArm64], so that a number means
// the same wherever the event is read.
//
// # Changing it
//
// The tables are generated from the text in source; gen's comment says how to
// read it. Add to the text, then run go generate. The events that exist are
// constant: nobody changes what Lookup, ByID and All return.
package catalogue

//go:generate go run ./gen
