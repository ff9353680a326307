/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The object that sensor/ebpf loads: all families in one, so that they share
 * maps. A new family is a file and a line here.
 *
 * Headers are layered: kernel.h and record.h (types), then drift.h and arch.h
 * (what differs between kernels and machines), maps.h and call.h (memory, system
 * calls), then parts.h, path.h, task.h and file.h (what to say about strings,
 * paths, processes and files), then flood.h (the way into the ring) and scope.h
 * (who is looked at), then hook.h (derived events), connect.h and kernel_hook.h. A
 * family includes the last layer that it needs.
 */
#include "syscalls.bpf.c"
#include "lifecycle.bpf.c"
#include "cgroup.bpf.c"
#include "file.bpf.c"
#include "exec_check.bpf.c"
#include "memory.bpf.c"
#include "write.bpf.c"
#include "copy.bpf.c"
#include "mount.bpf.c"
#include "load.bpf.c"
#include "socket.bpf.c"
#include "name.bpf.c"
#include "identity.bpf.c"
#include "uring.bpf.c"
#include "kernel_hook.bpf.c"
#include "file_hook.bpf.c"
#include "socket_hook.bpf.c"
#include "signal.bpf.c"
#include "net.bpf.c"
#include "module.bpf.c"
#include "load_hook.bpf.c"

/* The kernel lends its GPL-only helpers to programs that name the licence so. */
char LICENSE[] SEC("license") = "GPL";
