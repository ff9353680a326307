// Package containerdtest runs a containerd of the test's own: private socket,
// root and state, with its CRI plugin, and pods in the host's network, so that
// no network plugin is needed. A test that asks for one where there is none is
// skipped, saying what it needs.
package containerdtest
