// Package e2e runs the real binary on the real kernel, against a real NATS
// server and a real Docker engine, as a user would.
//
// It needs root and the binary: make test-e2e builds it and says where it is
// in TRIPLINE_BIN. Without them every test skips and says what is missing.
package e2e
