// Package archtest holds the architecture of the repository as tests: which
// folder may import which, who may import NATS, that every package says what
// it is, and that no file outgrows one purpose.
package archtest
