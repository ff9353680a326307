// Package cri asks a Kubernetes container runtime (containerd, CRI-O) about
// the containers of pods, over the Container Runtime Interface v1; see api.proto
// of k8s.io/cri-api.
//
// A container's own record lacks its pod, and part of what the pod's is made of
// (host namespaces, privileges) is only in the verbose form, which each runtime
// fills differently; both are asked for, and an answer is complete when the pod
// is known.
//
// CRI has no events that all runtimes serve, so the watch lists what there is
// every [Interval]. A container is known sooner: it is asked for when its
// cgroup is made, at which time it is in the runtime's list already; a sandbox
// is listed a moment after its first process runs.
package cri
