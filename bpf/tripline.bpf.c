/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The object that sensor/ebpf loads: all families in one, so that they share
 * maps. A new family is a file and a line here.
 *
 * Headers are layered: kernel.h and record.h (types), then drift.h and arch.h
 * (what differs between kernels and machines), maps.h (memory), then parts.h,
 * path.h and task.h (what to say about strings, files and processes). A family
 * includes the last layer only.
 */
#include "syscalls.bpf.c"
#include "lifecycle.bpf.c"
#include "cgroup.bpf.c"

/* The kernel lends its GPL-only helpers to programs that name the licence so. */
char LICENSE[] SEC("license") = "GPL";
