// Package forked makes system calls in a process of their own, which does
// nothing else and never runs Go: calls that end or change the process that
// makes them, and the calls that make processes. Only tests use it.
package forked
