/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Every system call, by tables: which numbers are wanted (shared.gate), what
 * each is called (shared.native, shared.compat) and what its arguments point
 * to (shared.calls). A call that nobody wants costs one load and a branch.
 *
 * Calls are recorded at exit, where the result is known, the registers still
 * hold the arguments and the memory they point to has been faulted in. Where
 * that is not so (execve replaces the memory, exit does not come back) the
 * arguments are taken before: execve's at the last moment, where the kernel has a
 * tracepoint there (6.10), else at entry.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

/* Prefixes that a text must have, by event. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, TL_CALLS);
	__type(key, u32);
	__type(value, struct tl_prefixes);
} prefixes SEC(".maps");

/*
 * Whether the first part of the call under construction begins with none of its
 * event's prefixes. Verified once, as a function of its own.
 */
__attribute__((noinline)) int call_begins_otherwise(u32 event)
{
	struct tl_prefixes *p = bpf_map_lookup_elem(&prefixes, &event);
	struct scratch *s = scratch_get(SCRATCH_CALL);
	const char *text;

	if (!p || !s)
		return 0;
	text = (const char *)s->data + sizeof(struct tl_syscall) + sizeof(struct tl_part);
	for (int i = 0; i < TL_PREFIXES; i++) {
		bool begins = true;

		if (i >= p->count)
			break;
		for (int j = 0; j < TL_PREFIX_MAX; j++) {
			if (j >= p->item[i].size)
				break;
			if (p->item[i].text[j] != text[j]) {
				begins = false;
				break;
			}
		}
		if (begins)
			return 0;
	}
	return 1;
}

/* Says whether what derives from a call can come of one with these arguments. */
static __always_inline bool call_derives(struct pt_regs *regs, u16 flags,
					 const struct tl_call *call)
{
	u32 position = call->hook_arg, value = 0;
	u64 args[TL_ARGS];

	if (!position)
		return true;
	call_args_any(regs, flags, call, args);
#pragma unroll
	for (int i = 0; i < TL_ARGS; i++)
		if (position == i + 1)
			value = args[i];
	if (call->hook_bits)
		return (value & call->hook_bits) == call->hook_bits;
	return value == call->hook_values[0] || value == call->hook_values[1];
}

/* A text that could not be read is not held against the call. */
static __always_inline bool call_misfits(struct scratch *s, u32 event, const struct tl_call *call)
{
	struct tl_part *part = (void *)s->data + sizeof(struct tl_syscall);
	u32 prefix = call->prefix;

	if (!prefix || s->used == sizeof(struct tl_syscall) || part->id != prefix - 1 ||
	    !call_begins_otherwise(event))
		return false;
	count_skipped(TL_SKIPPED_ARGS);
	return true;
}

static __always_inline bool call_filtered(const struct tl_call *call, const u64 *args)
{
	u32 position = call->filter;
	u64 value = 0;

	if (!position)
		return false;
#pragma unroll
	for (int i = 0; i < TL_ARGS; i++)
		if (position == i + 1)
			value = args[i];
	if (value > 63)
		value = 63;
	if (call->filter_mask >> value & 1)
		return false;
	count_skipped(TL_SKIPPED_ARGS);
	return true;
}

/* How many bytes a buffer holds. */
static __always_inline u64 argument_length(const struct tl_syscall *r, const struct tl_arg *arg)
{
	u64 length;
	/* One check that 5.10 understands: of none, which is 0, it makes the largest. */
	u32 i = (u32)arg->length - 1;

	if (arg->flags & TL_ARG_BOUND_BY_RETURN && r->ret >= 0)
		return r->ret;
	opaque(i);
	if (i >= TL_ARGS)
		return 0;
	length = r->args[i];
	if (arg->flags & TL_ARG_LENGTH_POINTER) {
		u32 value = 0;

		bpf_probe_read_user(&value, sizeof(value), (void *)length);
		length = value;
	}
	return length;
}

/* Appends what the arguments point to. */
static __always_inline void call_parts(struct scratch *s, const struct tl_call *call)
{
	struct tl_syscall *r = (void *)s->data;
	u32 width = r->head.flags & (TL_FLAG_COMPAT | TL_FLAG_X32) ? 4 : 8;

	for (int i = 0; i < TL_ARGS; i++) {
		const struct tl_arg *arg = &call->args[i];
		const void *from = (void *)r->args[i];
		u64 length;
		u32 max;

		if (arg->flags & TL_ARG_OUTPUT && r->ret < 0)
			continue;
		switch (arg->kind) {
		case TL_ARG_STRING:
			part_string(s, i, from, true);
			break;
		case TL_ARG_STRINGS:
			part_strings(s, i, from, width);
			break;
		case TL_ARG_ADDRESS:
			/* An int: the upper half of the register means nothing. */
			length = (u32)argument_length(r, arg);
			if (length > TL_ADDRESS_MAX)
				length = TL_ADDRESS_MAX;
			if (length)
				part_memory(s, i, from, length, TL_ADDRESS_MAX);
			break;
		case TL_ARG_BYTES:
			length = argument_length(r, arg);
			max = shared.bytes_max;
			part_bytes(s, i, from, length, max);
			break;
		}
	}
}

/* Appends what the descriptor refers to that the call is about. */
static __always_inline void call_file(struct scratch *s, struct task_struct *task,
				      const struct tl_call *call)
{
	struct tl_syscall *r = (void *)s->data;
	u32 i = (u32)call->file - 1;
	struct file *file;
	s32 fd = r->ret;

	opaque(i);
	if (i < TL_ARGS)
		fd = r->args[i];
	else if (r->ret < 0)
		return;
	file = file_of(task, fd);
	if (file)
		part_file(s, file, fd);
}

/*
 * Appends the path of a directory that the call under construction was given a
 * descriptor of. Verified once, as a function of its own.
 */
__attribute__((noinline)) int call_directory(u32 which, u32 argument)
{
	struct scratch *s = scratch_get(SCRATCH_CALL);
	struct task_struct *task = current_task();
	struct tl_syscall *r;
	struct file *file;

	if (!s || argument >= TL_ARGS)
		return 0;
	r = (void *)s->data;
	file = file_of(task, r->args[argument]);
	if (file && is_kind(file, S_IFDIR))
		part_path(s, TL_PART_BASE0 + (which & 1), &file->f_path);
	return 0;
}

static __always_inline void call_directories(const struct tl_call *call)
{
	if (call->dirs[0])
		call_directory(0, call->dirs[0] - 1);
	if (call->dirs[1])
		call_directory(1, call->dirs[1] - 1);
}

static __always_inline void call_fill(struct tl_syscall *r, struct task_struct *task, long ret,
				      struct call_id id, const u64 *args, u64 time)
{
	head_fill_at(&r->head, task, TL_SYSCALL, id.event, time);
	r->head.flags = id.flags;
	r->ret = ret;
	__builtin_memcpy(r->args, args, sizeof(r->args));
}

/* A call with scalars only goes into the ring without a detour. */
static __always_inline void call_emit_scalars(struct pt_regs *regs, struct task_struct *task,
					      long ret, struct call_id id,
					      const struct tl_call *call)
{
	struct tl_syscall *r;
	u64 args[TL_ARGS], time;

	call_args_any(regs, id.flags, call, args);
	if (call_filtered(call, args))
		return;
	time = bpf_ktime_get_boot_ns();
	if (flood_hot(LOAD(task, tgid), id.event, time)) {
		struct scratch *s = scratch_get(SCRATCH_CALL);

		if (!s)
			return;
		r = (void *)s->data;
		call_fill(r, task, ret, id, args, time);
		events_send_hot(SCRATCH_CALL, r, sizeof(*r), sizeof(*r));
		return;
	}
	r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
	if (!r) {
		count_drop(id.event);
		return;
	}
	call_fill(r, task, ret, id, args, time);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

/* Builds a record with its parts in the scratch memory; null if it is not wanted. */
static __always_inline struct scratch *call_collect(struct pt_regs *regs, struct task_struct *task,
						    long ret, struct call_id id,
						    const struct tl_call *call)
{
	struct scratch *s = scratch_get(SCRATCH_CALL);
	struct tl_syscall *r;
	u64 args[TL_ARGS];

	if (!s)
		return 0;
	r = (void *)s->data;
	call_args_any(regs, id.flags, call, args);
	if (call_filtered(call, args))
		return 0;
	call_fill(r, task, ret, id, args, bpf_ktime_get_boot_ns());
	s->used = sizeof(*r);
	call_parts(s, call);
	return call_misfits(s, id.event, call) ? 0 : s;
}

/* Sends what was kept at entry; false if there is nothing. */
static __always_inline bool call_emit_saved(struct task_struct *task, long ret, struct call_id id)
{
	u64 key = (u64)task;
	struct saved *kept = bpf_map_lookup_elem(&saved, &key);
	struct tl_syscall *r;
	u16 flags;

	if (!kept)
		return false;
	r = (void *)kept->data;
	flags = r->head.flags;
	/* The program that the call started has another name and perhaps another tid. */
	head_fill(&r->head, task, TL_SYSCALL, id.event);
	r->head.flags = flags;
	r->ret = ret;
	events_send(kept->data, kept->used, SAVED_SIZE);
	bpf_map_delete_elem(&saved, &key);
	return true;
}

static __always_inline void call_exit(struct pt_regs *regs, struct task_struct *task, long ret,
				      struct call_id id, const struct tl_call *call)
{
	struct scratch *s;

	if (call->flags & TL_CALL_ENTRY)
		return;
	if (!(call->flags & TL_CALL_VARIABLE)) {
		call_emit_scalars(regs, task, ret, id, call);
		return;
	}
	if (call->flags & TL_CALL_SAVE) {
		if (ret >= 0) {
			call_emit_saved(task, ret, id);
			return;
		}
		/* It failed, so the memory is still there, and now all of it is resident. */
		u64 key = (u64)task;

		bpf_map_delete_elem(&saved, &key);
	}
	s = call_collect(regs, task, ret, id, call);
	if (!s)
		return;
	call_directories(call);
	if (call->file)
		call_file(s, task, call);
	events_output(SCRATCH_CALL, s->data, s->used, RECORD_SIZE);
}

static __always_inline void call_enter(struct pt_regs *regs, struct task_struct *task,
				       struct call_id id, const struct tl_call *call)
{
	struct scratch *s;
	u64 key;

	if (!(call->flags & TL_CALL_VARIABLE)) {
		call_emit_scalars(regs, task, 0, id, call);
		return;
	}
	s = call_collect(regs, task, 0, id, call);
	if (!s)
		return;
	if (call->flags & TL_CALL_ENTRY) {
		events_output(SCRATCH_CALL, s->data, s->used, RECORD_SIZE);
		return;
	}
	key = (u64)task;
	if (s->used > SAVED_SIZE || bpf_map_update_elem(&saved, &key, s, BPF_ANY))
		count_drop(id.event);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
	u32 nr = call_number(regs) & ~X32_BIT;
	struct task_struct *task;
	const struct tl_call *call;
	struct call_id id;
	u8 gate;

	opaque(nr);
	if (nr >= TL_CALLS)
		return 0;
	gate = shared.gate[nr];
	if (!gate)
		return 0;
	task = current_task();
	gate = call_resolve(regs, task, gate, &id);
	call = &shared.calls[id.event & (TL_CALLS - 1)];
	if (gate & TL_GATE_HOOK && !call_derives(regs, id.flags, call))
		gate &= ~TL_GATE_HOOK;
	if (!gate || is_out(task))
		return 0;
	if (gate & TL_GATE_HOOK)
		path_forget();
	if (gate & TL_GATE_NATIVE)
		call_exit(regs, task, ret, id, call);
	if (gate & TL_GATE_HOOK)
		bpf_tail_call(ctx, &exit_hooks, call->exit_hook);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_sys_enter, struct pt_regs *regs)
{
	u32 nr = call_number(regs) & ~X32_BIT;
	struct task_struct *task;
	const struct tl_call *call;
	struct call_id id;
	u8 gate;

	opaque(nr);
	if (nr >= TL_CALLS)
		return 0;
	gate = shared.entry[nr];
	if (!gate)
		return 0;
	task = current_task();
	gate = call_resolve(regs, task, gate, &id);
	if (!gate || is_out(task))
		return 0;
	call = &shared.calls[id.event & (TL_CALLS - 1)];
	if (gate & TL_GATE_NATIVE)
		call_enter(regs, task, id, call);
	return 0;
}

/* The arguments of execve, which the process has not lost yet but will. */
SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(on_prepare_exec, struct task_struct *unused, struct linux_binprm *bprm)
{
	struct task_struct *task = current_task();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);
	u32 nr = call_number(regs) & ~X32_BIT;
	const struct tl_call *call;
	struct call_id id;

	opaque(nr);
	if (nr >= TL_CALLS)
		return 0;
	if (!(call_resolve(regs, task, shared.gate[nr], &id) & TL_GATE_NATIVE))
		return 0;
	call = &shared.calls[id.event & (TL_CALLS - 1)];
	if (call->flags & TL_CALL_SAVE && !is_out_midway(task))
		call_enter(regs, task, id, call);
	return 0;
}
