/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 5: events that are derived from what the kernel has done. They have
 * the names and arguments of the kernel's own hooks, whichever program serves
 * them, and are built of kernel objects; user memory is read where nothing else
 * tells.
 *
 * Most derive from system calls: on_sys_exit and on_sys_enter pass a call on to
 * the program of its family. A family names the arguments of its events by
 * their position in the catalogue.
 */
#ifndef TRIPLINE_HOOK_H
#define TRIPLINE_HOOK_H

#include "call.h"
#include "file.h"
#include "task.h"

/* Filled by the loader, by enum tl_hook. */
struct hooks {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TL_HOOKS);
	__type(key, u32);
	__type(value, u32);
};
struct hooks exit_hooks SEC(".maps");
struct hooks enter_hooks SEC(".maps");

/* What was so when a call began and will not be when it ends; by task. */
struct pending {
	u64 words[2];
	struct tl_cred cred;
	u32 spaces[8];
	char comm[TL_COMM];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, struct pending);
} pendings SEC(".maps");

/* A system call that a family looks at. */
struct hook {
	struct task_struct *task;
	struct call_id id;
	s64 ret;
	u64 args[TL_ARGS];
};

static __always_inline void hook_fill(struct hook *h, struct pt_regs *regs, s64 ret)
{
	h->task = bpf_get_current_task_btf();
	call_resolve(regs, h->task, 0, &h->id);
	call_args_any(regs, h->id.flags, &shared.calls[h->id.event & (TL_CALLS - 1)], h->args);
	h->ret = ret;
}

/* The size of a pointer or a long in the caller's memory. */
static __always_inline u32 hook_width(const struct hook *h)
{
	return h->id.flags & (TL_FLAG_COMPAT | TL_FLAG_X32) ? 4 : 8;
}

static __always_inline struct scratch *derived_begin(struct task_struct *task, u32 event,
						     u16 flags, s64 ret)
{
	struct scratch *s = scratch_get(SCRATCH_DERIVED);
	struct tl_derived *r;

	if (!s)
		return 0;
	r = (void *)s->data;
	head_fill(&r->head, task, TL_DERIVED, event);
	r->head.flags = flags;
	r->ret = ret;
	r->present = 0;
	s->used = sizeof(*r);
	return s;
}

static __always_inline struct scratch *hook_begin(const struct hook *h, u32 event)
{
	return derived_begin(h->task, event, h->id.flags, h->ret);
}

/* Sets argument i, a constant. */
static __always_inline void derived_set(struct scratch *s, u32 i, u64 value)
{
	struct tl_derived *r = (void *)s->data;

	r->args[i] = value;
	r->present |= 1ull << i;
}

static __always_inline void derived_output(struct scratch *s)
{
	u32 event = ((struct tl_head *)s->data)->event;
	u32 used = s->used;

	opaque(used);
	if (used > RECORD_SIZE)
		return;
	if (bpf_ringbuf_output(&events, s->data, used, BPF_RB_NO_WAKEUP))
		count_drop(event);
}

#endif
