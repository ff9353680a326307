// Package podman asks Podman about containers, of root and of users.
//
// Podman needs no service to run containers. Where its API service runs (the
// unit podman.socket, for root or for a user) that is asked, by Docker's
// interface. Where it does not, the storage that Podman keeps its containers in
// is read: it tells name, image and the runtime specification, but neither
// labels nor addresses, so the answer is partial.
//
// Services and storages come and go with the users who log in, so both are
// given as patterns and looked for now and then.
package podman
