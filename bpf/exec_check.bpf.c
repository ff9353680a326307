/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Programs about to run. The kernel has decided for this one when the
 * tracepoint fires, so what it tells is final; but the thread already has its
 * new name, and the one that it was called by before is taken at entry.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

enum {
	BPRM_CHECK_PATHNAME = 0,
	BPRM_CHECK_DEV,
	BPRM_CHECK_INODE,
	BPRM_CHECK_ARGV,
	BPRM_CHECK_ENVP,
};

SEC("tp_btf/sys_enter")
int BPF_PROG(enter_exec, struct pt_regs *regs)
{
	u64 key = (u64)bpf_get_current_task_btf();
	struct pending p = {};

	bpf_get_current_comm(p.comm, sizeof(p.comm));
	bpf_map_update_elem(&pendings, &key, &p, BPF_ANY);
	return 0;
}

/* It failed: a successful call comes by here too, but has nothing pending. */
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_exec, struct pt_regs *regs, long ret)
{
	u64 key = (u64)bpf_get_current_task_btf();

	bpf_map_delete_elem(&pendings, &key);
	return 0;
}

/* Attached ahead of on_exec, so that it still counts as the old program's doing. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec_check, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct file *file = BPF_CORE_READ(bprm, file);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u64 key = (u64)task, start, end;
	struct mm_struct *mm;
	struct pending *p;
	struct scratch *s;

	if (!event_wanted(TL_EVENT_BPRM_CHECK) || is_self(task))
		return 0;
	s = derived_begin(bpf_get_current_task_btf(), TL_EVENT_BPRM_CHECK, 0, 0);
	if (!s)
		return 0;
	p = bpf_map_lookup_elem(&pendings, &key);
	if (p) {
		__builtin_memcpy(((struct tl_head *)s->data)->comm, p->comm, TL_COMM);
		bpf_map_delete_elem(&pendings, &key);
	}
	derived_set(s, BPRM_CHECK_DEV, BPF_CORE_READ(inode, i_sb, s_dev));
	derived_set(s, BPRM_CHECK_INODE, BPF_CORE_READ(inode, i_ino));
	part_path(s, BPRM_CHECK_PATHNAME, &file->f_path);
	mm = BPF_CORE_READ(task, mm);
	start = BPF_CORE_READ(mm, arg_start);
	end = BPF_CORE_READ(mm, arg_end);
	if (start && end > start)
		part_memory(s, BPRM_CHECK_ARGV, (void *)start, end - start, TL_LIST_MAX);
	start = BPF_CORE_READ(mm, env_start);
	end = BPF_CORE_READ(mm, env_end);
	if (start && end > start)
		part_memory(s, BPRM_CHECK_ENVP, (void *)start, end - start, TL_LIST_MAX);
	derived_output(s);
	return 0;
}
