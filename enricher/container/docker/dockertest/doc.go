// Package dockertest runs a Docker Engine of the test's own: private sockets,
// state and process ids, no network rules touched. A test that asks for one
// where there is none is skipped, saying what it needs.
package dockertest
