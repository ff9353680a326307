// Package int80 makes 32-bit system calls from a 64-bit program, as malware
// does to hide from tracers that read the 64-bit registers. Only tests use it.
package int80
