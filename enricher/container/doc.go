// Package container is the enricher's step that knows containers.
//
// Events carry the ids of their process's cgroups. Ids lead to paths (the
// hierarchies are walked at the start, then followed by their mkdir and rmdir
// events; an id that was missed is asked of the kernel as a file handle), paths
// name containers (see [Parse]), and the [Runtime] that made a container tells
// its name, image, labels and the rest.
//
// # Keys
//
// A cgroup's id is unique within its hierarchy only, so the key is hierarchy
// and id; version 2 is hierarchy 0. The cgroup of the default hierarchy is used
// where its path names a container, else that of the v1 pids controller: on
// hybrid hosts container managers use either.
//
// # Waiting
//
// Runtimes are asked by goroutines of their own, each with a bounded queue,
// several tries and a time limit, so a runtime that hangs delays neither the
// events nor the other runtimes. Whether a container is worth waiting for is
// told by [Step.Pending]; it is not when no runtime that may know it has
// answered lately. Runtimes are also watched, which mostly makes a container
// known before its first process runs.
//
// What is known of a container stays for a while after it is gone.
package container
