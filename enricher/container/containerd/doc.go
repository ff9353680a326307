// Package containerd asks containerd by its own API about containers that no
// Kubernetes made: those of ctr, nerdctl and other clients, in any namespace.
//
// A container is found by its id in every namespace. Ids are what clients
// choose; one that is not 64 hexadecimal digits is unique within its namespace
// only, so it is known here as namespace/id, which is also the path of its
// cgroup. Docker's containers (namespace moby) are left to Docker's own
// interface, and pods' containers to CRI (package cri), which knows pods; but
// news of pods' containers is passed on, for CRI has none of its own. Of the
// sandbox of a pod CRI tells only some time after its first process runs, so
// that is read from what the CRI plugin attaches to its container.
//
// What containerd knows of a container is its OCI runtime specification
// (https://github.com/opencontainers/runtime-spec) and labels; see the proto
// files of github.com/containerd/containerd/api for the services.
package containerd
