/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 6: programs on the kernel's own hooks. Where such a hook tells all that
 * there is to tell (tl_derived without the call's end), nothing looks at the
 * system calls for the event; elsewhere the hook notes what only it is given, and
 * the call's end, which knows the result, tells.
 */
#ifndef TRIPLINE_KERNEL_HOOK_H
#define TRIPLINE_KERNEL_HOOK_H

#include "hook.h"

/*
 * Unlike tracepoints' programs these may be preempted, by another task that
 * comes here too. One that finds its CPU's memory taken leaves the record to the
 * call's end.
 */
struct claim {
	u64 owner;
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct claim);
} claims SEC(".maps");

static __always_inline struct scratch *hook_claim(struct task_struct *task)
{
	u32 zero = 0;
	struct claim *c = bpf_map_lookup_elem(&claims, &zero);

	if (!c || c->owner)
		return 0;
	c->owner = (u64)task;
	return scratch_get(SCRATCH_HOOK);
}

static __always_inline void hook_release(void)
{
	u32 zero = 0;
	struct claim *c = bpf_map_lookup_elem(&claims, &zero);

	if (c)
		c->owner = 0;
}

enum hook_told {
	HOOK_NEVER, /* not of interest */
	HOOK_HERE,  /* now */
	HOOK_LATER, /* at the end of the call under way */
};

/* Says when to tell of what the current task is doing, and by which call. */
static __always_inline enum hook_told hook_when(struct task_struct *task, u8 family,
						struct call_id *id)
{
	u32 raw, nr;
	u8 gate;

	id->event = CALL_IO_URING_ENTER;
	id->flags = 0;
	if (LOAD(task, flags) & PF_IO_WORKER)
		return HOOK_HERE;
	raw = task_call_number(task);
	nr = raw & ~X32_BIT;
	opaque(nr);
	if (nr >= TL_CALLS)
		return HOOK_NEVER;
	gate = call_resolve_number(raw, task, shared.gate[nr], id);
	if (gate & TL_GATE_HOOK && shared.calls[id->event & (TL_CALLS - 1)].exit_hook == family)
		return HOOK_LATER;
	return id->event == CALL_IO_URING_ENTER ? HOOK_HERE : HOOK_NEVER;
}

static __always_inline void hook_done(struct scratch *s, struct task_struct *task,
				      enum hook_told when)
{
	u64 key = (u64)task;

	if (when == HOOK_LATER)
		bpf_map_update_elem(&held, &key, s, BPF_ANY);
	else
		events_output(SCRATCH_HOOK, s->data, s->used, RECORD_SIZE);
	hook_release();
}

/*
 * Says whether the current task is in a call of a family, or does what an
 * io_uring asked for; for hooks that leave nothing to the call's end.
 */
static __always_inline bool hook_in(struct task_struct *task, u8 family, struct call_id *id)
{
	u32 raw, nr;

	id->event = CALL_IO_URING_ENTER;
	id->flags = 0;
	if (LOAD(task, flags) & PF_IO_WORKER)
		return true;
	raw = task_call_number(task);
	nr = raw & ~X32_BIT;
	if (nr >= TL_CALLS)
		return false;
	call_resolve_number(raw, task, 0, id);
	return shared.calls[id->event & (TL_CALLS - 1)].exit_hook == family ||
	       id->event == CALL_IO_URING_ENTER;
}

/*
 * As hook_claim, with the beginning of a record that is told here and now. Where
 * the memory is taken it is counted as lost.
 */
static __always_inline struct scratch *hook_tell(struct task_struct *task, u32 event, u16 flags,
						 s64 ret)
{
	struct scratch *s = hook_claim(task);

	if (s)
		derived_fill(s, task, event, flags, ret);
	else
		count_drop(event);
	return s;
}

static __always_inline void hook_output(struct scratch *s)
{
	events_output(SCRATCH_HOOK, s->data, s->used, RECORD_SIZE);
	hook_release();
}

/* A file's path, in the memory of hooks. */
static __always_inline void hook_path(struct scratch *s, u16 id, struct path *path)
{
	part_dentry(s, id, PEEK(path, dentry), PEEK(path, mnt), PATH_HOOK);
}

/* Both ways onto a hook; the body takes what the hook is given as an array. */
#define ON_HOOK(name)                                                                              \
	static __always_inline int hook_##name(u64 *given);                                        \
	SEC("fentry/security_" #name) int fentry_##name(u64 *given)                                \
	{                                                                                          \
		return hook_##name(given);                                                         \
	}                                                                                          \
	SEC("lsm/" #name) int lsm_##name(u64 *given)                                               \
	{                                                                                          \
		return hook_##name(given);                                                         \
	}                                                                                          \
	static __always_inline int hook_##name(u64 *given)

/*
 * What a hook has said, behind its n arguments. Kernels that give some hook
 * another argument have the helper.
 */
static __always_inline s32 hook_verdict(u64 *given, u32 n)
{
	u64 ret = 0, last;

	if (!HAVE_HELPER(get_func_ret)) {
		last = given[n];
		/* Else it is one load for both ways, from an address that is not the context's. */
		opaque(last);
		return last;
	}
	bpf_get_func_ret(given, &ret);
	return ret;
}

/*
 * As ON_HOOK, for what is told once the hook has agreed: it has n arguments. A
 * program of the BPF LSM is asked after the others have agreed.
 */
#define ON_VERDICT(name, n)                                                                        \
	static __always_inline int hook_##name(u64 *given);                                        \
	SEC("fexit/security_" #name) int fentry_##name(u64 *given)                                 \
	{                                                                                          \
		return hook_verdict(given, n) ? 0 : hook_##name(given);                            \
	}                                                                                          \
	SEC("lsm/" #name) int lsm_##name(u64 *given)                                               \
	{                                                                                          \
		return hook_##name(given);                                                         \
	}                                                                                          \
	static __always_inline int hook_##name(u64 *given)

#endif
