/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Processes: how they begin, what they become, how they end, and which there
 * were before. These records carry all that the kernel knows; every other
 * record names the process only.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

enum { INIT = 1 };

static __always_inline struct scratch *task_begin(u16 kind, u32 event)
{
	struct scratch *s = scratch_get(SCRATCH_TASK);
	struct tl_task_event *e;

	if (!s)
		return 0;
	e = (void *)s->data;
	head_fill(&e->head, current_task(), kind, event);
	e->args[0] = e->args[1] = 0;
	s->used = sizeof(*e);
	return s;
}

static __always_inline void task_output(struct scratch *s, u32 event)
{
	u32 used = s->used;

	opaque(used);
	if (used > RECORD_SIZE)
		return;
	if (bpf_ringbuf_output(&lifecycle, s->data, used, BPF_RB_NO_WAKEUP))
		count_drop(event);
}

/* New processes only: a new thread of a process changes nothing that we tell. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct tl_task_event *e;
	struct scratch *s;
	if (child->pid != child->tgid)
		return 0;
	scope_fork(parent, child);
	if (is_task_out(child))
		return 0;
	s = task_begin(TL_FORK, TL_EVENT_FORK);
	if (!s)
		return 0;
	e = (void *)s->data;
	process_fill(&e->process, child);
	process_paths(s, child);
	/* The child has a copy of the parent's memory, and that is at hand. */
	process_args(s, PEEK(parent, mm));
	task_output(s, TL_EVENT_FORK);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	const char *filename = PEEK(bprm, filename);
	const char *interp = PEEK(bprm, interp);
	struct mm_struct *mm = PEEK(task, mm);
	struct tl_task_event *e;
	struct scratch *s;

	scope_exec(task);
	if (is_task_out(task))
		return 0;
	s = task_begin(TL_EXEC, TL_EVENT_EXEC);
	if (!s)
		return 0;
	e = (void *)s->data;
	process_fill(&e->process, task);
	process_paths(s, task);
	part_string(s, TL_PART_FILENAME, filename, false);
	if (interp != filename)
		part_string(s, TL_PART_INTERP, interp, false);
	process_args(s, mm);
	process_env(s, mm);
	task_output(s, TL_EVENT_EXEC);
	return 0;
}

/* A look takes no lock. */
static __always_inline void forget(void *map, u64 key)
{
	if (bpf_map_lookup_elem(map, &key))
		bpf_map_delete_elem(map, &key);
}

/* The last thread of a process is gone. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct tl_task_event *e;
	struct scratch *s;
	u64 key = (u64)task;
	bool out;

	/* A call that did not come back: killed half way through execve. */
	forget(&saved, key);
	forget(&pendings, key);
	forget(&held, key);
	forget(&identities, key);
	if (task->signal->live.counter > 0)
		return 0;
	out = is_task_out(task);
	scope_exit(task);
	if (out)
		return 0;
	s = task_begin(TL_EXIT, TL_EVENT_EXIT);
	if (!s)
		return 0;
	e = (void *)s->data;
	e->args[0] = task->exit_code;
	e->args[1] = 1;
	process_fill(&e->process, task);
	process_paths(s, task);
	task_output(s, TL_EVENT_EXIT);
	return 0;
}

static __always_inline void snapshot_emit(struct bpf_iter__task *ctx, struct task_struct *task)
{
	struct scratch *s = scratch_get(SCRATCH_SNAPSHOT);
	struct tl_task_event *e;
	u64 size;
	u32 used;

	if (!s)
		return;
	e = (void *)s->data;
	__builtin_memset(e, 0, sizeof(*e));
	e->head.kind = TL_TASK;
	s->used = sizeof(*e);
	process_fill(&e->process, task);
	process_paths(s, task);
	/* A file has no records: the size in front is what the rings give for free. */
	used = s->used;
	opaque(used);
	if (used > RECORD_SIZE)
		return;
	size = used;
	bpf_seq_write(ctx->meta->seq, &size, sizeof(size));
	bpf_seq_write(ctx->meta->seq, s->data, used);
}

/*
 * Every process that exists, once, into the iterator's file. It runs in the
 * sensor, which is how that learns its own pid outside its pid namespace. Where
 * the iterator leaves out the first process, others lead to it.
 */
SEC("iter/task")
int snapshot(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *parent;

	if (!task || task->pid != task->tgid)
		return 0;
	shared.self = bpf_get_current_pid_tgid() >> 32;
	if (shared.self == task->tgid) {
		shared.self_exe = (u64)PEEK(task, mm, exe_file, f_inode);
		shared.self_uid = PEEK(task, cred, uid.val);
	}
	if (task->tgid == INIT)
		shared.init_told = 1;
	snapshot_emit(ctx, task);
	parent = PEEK(task, real_parent, group_leader);
	if (!shared.init_told && PEEK(parent, tgid) == INIT) {
		shared.init_told = 1;
		snapshot_emit(ctx, parent);
	}
	return 0;
}
