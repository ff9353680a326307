// Package podmantest runs Podman with storage of the test's own, and its API
// service where a test wants it. A test that asks for it where there is none is
// skipped, saying what it needs.
package podmantest
