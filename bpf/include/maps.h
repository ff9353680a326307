/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 2: memory. The shared tables, the rings, a scratch record for each
 * CPU, and the count of what did not fit.
 */
#ifndef TRIPLINE_MAPS_H
#define TRIPLINE_MAPS_H

#include "drift.h"
#include "record.h"

/* Mapped into the sensor's memory, so a change takes effect at once. */
struct tl_shared shared SEC(".data.shared");

/* System calls and derived events. The loader sets the size of both. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} events SEC(".maps");

/* Fork, exec, exit, cgroups: on their own, so that no flood can evict them. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} lifecycle SEC(".maps");

enum {
	/* Where the last part may begin; after that there is room for its maximum. */
	RECORD_LIMIT = 20 * 1024,
	RECORD_SIZE = RECORD_LIMIT + sizeof(struct tl_part) + TL_LIST_MAX + TL_STRING_MAX,
	/* A path and two lists: the largest record that is kept from entry to exit. */
	SAVED_SIZE = sizeof(struct tl_syscall) + 3 * (sizeof(struct tl_part) + TL_STRING_MAX),
};

/*
 * A record under construction: its fixed structure, then parts. Tracepoint
 * programs do not preempt each other, so one for each CPU and family is enough.
 */
struct scratch {
	u32 used;
	u32 at; /* within the part being written */
	u8 data[RECORD_SIZE];
};

enum { SCRATCH_CALL, SCRATCH_TASK, SCRATCH_SNAPSHOT, SCRATCH_DERIVED, SCRATCH_HOOK, SCRATCHES };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *scratch_get(u32 which)
{
	return bpf_map_lookup_elem(&scratches, &which);
}

/*
 * Calls under way whose arguments are gone at exit, by task (a thread that
 * executes a program takes over its leader's id, but stays the same task).
 */
struct saved {
	u32 used;
	u32 at;
	u8 data[SAVED_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct saved);
} saved SEC(".maps");

/* Counts a record that was lost because its ring was full. */
static __always_inline void count_drop(u32 event)
{
	opaque(event);
	if (event < TL_EVENTS)
		__sync_fetch_and_add(&shared.drops[event], 1);
}

/* Says whether anybody wants an event that is not a system call. */
static __always_inline bool event_wanted(u32 event)
{
	u32 i = event - TL_FIRST_EVENT;

	return i < TL_EVENTS - TL_FIRST_EVENT && shared.events[i];
}

/* Enum tl_wanted; 0 for an event that nobody wants. */
static __always_inline u8 event_ways(u32 event)
{
	u32 i = event - TL_FIRST_EVENT;

	return i < TL_EVENTS - TL_FIRST_EVENT ? shared.events[i] : 0;
}

/* As event_wanted, for programs that tell what a kernel hook tells where there is one. */
static __always_inline bool event_left(u32 event)
{
	u32 i = event - TL_FIRST_EVENT;

	return i < TL_EVENTS - TL_FIRST_EVENT && shared.events[i] == TL_WANTED;
}

#endif
