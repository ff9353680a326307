/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 4: the way of a record into the ring of events, and what a flood may
 * take of it.
 *
 * Who sends more than TL_HOT records of one event in a window of time (a
 * process, on one CPU) is hot until the window ends. Nothing changes for those
 * who are not. Of what a hot process sends
 *
 * - a record that is the same to the byte as one before, but for its time, is
 *   counted in place of that and not sent: the sensor reports the count;
 * - any other is sent as long as the ring is less than half full. So the second
 *   half is for those who are not hot, and no flood can take it from them.
 *
 * What is counted or dropped is exact; which records are hot is not: two that
 * share a place in the table may take it from each other.
 */
#ifndef TRIPLINE_FLOOD_H
#define TRIPLINE_FLOOD_H

#include "maps.h"
#include "parts.h"

enum {
	HEATS_SHIFT = 8,
	FOLDS_SHIFT = 6,   /* of TL_FOLDS */
	WINDOW_SHIFT = 26, /* ns: 67 ms */
	/* What tells records of one event apart: result and arguments. */
	MIX_WORDS = 7,
	TIME_WORD = __builtin_offsetof(struct tl_head, time) / sizeof(u64),
};

#define MIX 0x9e3779b97f4a7c15ull

struct heat {
	u64 key;
	u32 window;
	u32 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1 << HEATS_SHIFT);
	__type(key, u32);
	__type(value, struct heat);
} heats SEC(".maps");

/*
 * TL_FOLDS for each CPU, which alone writes them, and as many for its programs on
 * kernel hooks, which may be preempted; the loader sets the size.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TL_FOLDS);
	__type(key, u32);
	__type(value, struct tl_fold);
} folds SEC(".maps");

/* Counts a record, and says whether there were too many of its kind. */
static __always_inline bool flood_hot(u32 pid, u32 event, u64 time)
{
	u64 key = (u64)pid << 32 | event;
	u32 at = key * MIX >> (64 - HEATS_SHIFT), window = time >> WINDOW_SHIFT;
	struct heat *heat = bpf_map_lookup_elem(&heats, &at);

	if (!heat)
		return false;
	if (heat->key != key || heat->window != window) {
		heat->key = key;
		heat->window = window;
		heat->count = 0;
		return false;
	}
	return ++heat->count >= TL_HOT;
}

static __always_inline bool flood_same(const u64 *a, const u64 *b, u32 size)
{
	for (u32 i = 0; i < TL_FOLD_MAX / sizeof(u64); i++) {
		if (i * sizeof(u64) >= size)
			break;
		if (i != TIME_WORD && a[i] != b[i])
			return false;
	}
	return true;
}

/*
 * Counts a record in place of sending it, if the same is known; otherwise it is
 * from now on. The record is one under construction, of a size: a function of
 * its own is verified once a program, and takes numbers.
 */
__attribute__((noinline)) int flood_fold(u32 which, u32 size)
{
	struct scratch *s = scratch_get(which);
	const struct tl_head *head;
	const u64 *word;
	struct tl_fold *fold;
	const void *data;
	u32 window, at;
	u64 mix;

	if (!s)
		return false;
	data = s->data;
	head = data;
	word = data + sizeof(*head);
	window = head->time >> WINDOW_SHIFT;
	mix = head->tid;

	if (!shared.fold || size > TL_FOLD_MAX)
		return false;
#pragma unroll
	for (int i = 0; i < MIX_WORDS; i++)
		mix = (mix ^ word[i]) * MIX;
	at = (2 * head->cpu + (which == SCRATCH_HOOK)) * TL_FOLDS + (mix >> (64 - FOLDS_SHIFT));
	fold = bpf_map_lookup_elem(&folds, &at);
	if (!fold)
		return false;
	if (fold->size == size && flood_same((const u64 *)fold->record, data, size)) {
		fold->time = head->time;
		fold->window = window;
		fold->count++;
		shared.folded = head->time;
		return true;
	}
	/* Another is there: in use, or not reported yet. */
	if (fold->count != fold->taken || (fold->size && fold->window == window))
		return false;
	opaque(size);
	if (size > TL_FOLD_MAX)
		return false;
	bpf_probe_read_kernel(fold->record, size, data);
	fold->size = size;
	fold->window = window;
	return false;
}

/* Sends a record of a size up to max, a constant. */
static __always_inline void events_send(void *data, u32 size, u32 max)
{
	opaque(size);
	if (size > max)
		return;
	if (bpf_ringbuf_output(&events, data, size, BPF_RB_NO_WAKEUP))
		count_drop(((struct tl_head *)data)->event);
}

/* Says whether the ring is closed to who is hot. */
static __always_inline bool flood_closed(void)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > shared.ring_half;
}

/* For records that are not under construction in scratch memory: they are not folded. */
static __always_inline bool flood_shut(u32 pid, u32 event, u64 time)
{
	return flood_hot(pid, event, time) && flood_closed();
}

/* Which, a constant, is where the record is. */
static __always_inline void events_send_hot(u32 which, void *data, u32 size, u32 max)
{
	if (flood_fold(which, size))
		return;
	if (flood_closed()) {
		count_drop(((struct tl_head *)data)->event);
		return;
	}
	events_send(data, size, max);
}

static __always_inline void events_output(u32 which, void *data, u32 size, u32 max)
{
	struct tl_head *head = data;

	if (flood_hot(head->pid, head->event, head->time))
		events_send_hot(which, data, size, max);
	else
		events_send(data, size, max);
}

#endif
