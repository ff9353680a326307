/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Programs about to run. The kernel has decided for this one when the
 * tracepoint fires, so what it tells is final; but the thread already has its
 * new name and credentials, and those of before are taken when the kernel gives
 * it the name, which is before it gives it the credentials. The name is also the
 * kernel's hook's to tell.
 */
#include "include/kernel_hook.h"
#include <bpf/bpf_tracing.h>

enum {
	BPRM_CHECK_PATHNAME = 0,
	BPRM_CHECK_DEV,
	BPRM_CHECK_INODE,
	BPRM_CHECK_ARGV,
	BPRM_CHECK_ENVP,
};

/* Catalogue ids. */
enum { CALL_EXECVE = 59, CALL_EXECVEAT = 322 };

SEC("tp_btf/task_rename")
int BPF_PROG(on_exec_rename, struct task_struct *renamed, const char *name)
{
	struct task_struct *task = current_task();
	bool creds = event_left(TL_EVENT_COMMIT_CREDS);
	u64 key = (u64)task;
	struct pending p = {};
	struct call_id id;
	u32 raw;

	if (!creds && !event_left(TL_EVENT_BPRM_CHECK))
		return 0;
	raw = task_call_number(task);
	if ((raw & ~X32_BIT) >= TL_CALLS)
		return 0;
	call_resolve_number(raw, task, 0, &id);
	if ((id.event != CALL_EXECVE && id.event != CALL_EXECVEAT) || is_out_midway(task))
		return 0;
	p.words[0] = id.event;
	bpf_get_current_comm(p.comm, sizeof(p.comm));
	if (creds)
		cred_fill(&p.cred, LOAD(task, cred));
	bpf_map_update_elem(&pendings, &key, &p, BPF_ANY);
	return 0;
}

/* What a thread is called that is about to run a program; by task. */
struct caller {
	char comm[TL_COMM];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct caller);
} callers SEC(".maps");

/* The kernel's hook is asked once for each interpreter on the way, too. */
ON_HOOK(bprm_check)
{
	struct task_struct *task = current_task();
	struct caller c = {};
	u64 key = (u64)task;

	if (!event_wanted(TL_EVENT_BPRM_CHECK))
		return 0;
	comm_fill(c.comm, task);
	bpf_map_update_elem(&callers, &key, &c, BPF_ANY);
	return 0;
}

static __always_inline void bprm_check_emit(struct task_struct *task, struct linux_binprm *bprm,
					    const char *comm)
{
	struct scratch *s = derived_begin(task, TL_EVENT_BPRM_CHECK, 0, 0);
	struct file *file = PEEK(bprm, file);
	struct inode *inode = PEEK(file, f_inode);
	struct mm_struct *mm = PEEK(task, mm);
	u64 start, end;

	if (!s)
		return;
	if (comm)
		__builtin_memcpy(((struct tl_head *)s->data)->comm, comm, TL_COMM);
	derived_set(s, BPRM_CHECK_DEV, PEEK(inode, i_sb, s_dev));
	derived_set(s, BPRM_CHECK_INODE, PEEK(inode, i_ino));
	part_path(s, BPRM_CHECK_PATHNAME, &file->f_path);
	start = PEEK(mm, arg_start);
	end = PEEK(mm, arg_end);
	if (start && end > start)
		part_memory(s, BPRM_CHECK_ARGV, (void *)start, end - start, TL_LIST_MAX);
	start = PEEK(mm, env_start);
	end = PEEK(mm, env_end);
	if (start && end > start)
		part_memory(s, BPRM_CHECK_ENVP, (void *)start, end - start, TL_LIST_MAX);
	derived_output(s);
}

/* Attached ahead of on_exec, so that it still counts as the old program's doing. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec_check, struct task_struct *unused, pid_t old_pid, struct linux_binprm *bprm)
{
	bool check = event_wanted(TL_EVENT_BPRM_CHECK), creds = event_left(TL_EVENT_COMMIT_CREDS);
	struct task_struct *task = current_task();
	struct caller *c = 0;
	u64 key = (u64)task;
	struct pending *p;

	if ((!check && !creds) || is_out(task))
		return 0;
	p = bpf_map_lookup_elem(&pendings, &key);
	if (event_ways(TL_EVENT_BPRM_CHECK) & TL_WANTED_HOOK)
		c = bpf_map_lookup_elem(&callers, &key);
	if (check)
		bprm_check_emit(task, bprm, c ? c->comm : p ? p->comm : 0);
	if (c)
		bpf_map_delete_elem(&callers, &key);
	if (creds && p) {
		struct call_id id = {p->words[0], 0};

		creds_emit(task, id, 0, &p->cred);
	}
	if (creds)
		identity_note(task);
	if (p)
		bpf_map_delete_elem(&pendings, &key);
	return 0;
}
