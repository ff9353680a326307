// Package oci reads the runtime specification of a container, which containerd
// and Podman keep (https://github.com/opencontainers/runtime-spec).
package oci
