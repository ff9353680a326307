/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Processes that become somebody else or move elsewhere: their credentials and
 * namespaces before and after the calls that can change them. Nothing is told
 * where nothing changed.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

enum {
	SWITCH_NS_PID = 0,
	SWITCH_NS_MNT,
	SWITCH_NS_PIDNS,
	SWITCH_NS_UTS,
	SWITCH_NS_IPC,
	SWITCH_NS_NET,
	SWITCH_NS_CGROUP,
	SWITCH_NS_END,
};

/* By argument; the one for the pid stays empty. */
static __always_inline void spaces_fill(u32 *spaces, struct task_struct *task)
{
	struct nsproxy *ns = LOAD(task, nsproxy);

	spaces[SWITCH_NS_MNT] = BPF_CORE_READ(ns, mnt_ns, ns.inum);
	spaces[SWITCH_NS_PIDNS] = BPF_CORE_READ(ns, pid_ns_for_children, ns.inum);
	spaces[SWITCH_NS_UTS] = BPF_CORE_READ(ns, uts_ns, ns.inum);
	spaces[SWITCH_NS_IPC] = BPF_CORE_READ(ns, ipc_ns, ns.inum);
	spaces[SWITCH_NS_NET] = BPF_CORE_READ(ns, net_ns, ns.inum);
	spaces[SWITCH_NS_CGROUP] = BPF_CORE_READ(ns, cgroup_ns, ns.inum);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(enter_identity, struct pt_regs *regs)
{
	struct task_struct *task = current_task();
	u64 key = (u64)task;
	struct pending p = {};

	cred_fill(&p.cred, LOAD(task, cred));
	spaces_fill(p.spaces, task);
	bpf_map_update_elem(&pendings, &key, &p, BPF_ANY);
	return 0;
}

static __always_inline void spaces_emit(const struct hook *h, const struct pending *before)
{
	u32 spaces[8] = {}, changed = 0;
	struct scratch *s;

	spaces_fill(spaces, h->task);
#pragma unroll
	for (int i = SWITCH_NS_MNT; i < SWITCH_NS_END; i++)
		changed |= spaces[i] ^ before->spaces[i];
	if (!changed)
		return;
	s = hook_begin(h, TL_EVENT_SWITCH_TASK_NS);
	if (!s)
		return;
	derived_set(s, SWITCH_NS_PID, LOAD(h->task, pid));
#pragma unroll
	for (int i = SWITCH_NS_MNT; i < SWITCH_NS_END; i++)
		if (spaces[i] != before->spaces[i])
			derived_set(s, i, spaces[i]);
	derived_output(s);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_identity, struct pt_regs *regs, long ret)
{
	struct pending *p;
	struct hook h;
	u64 key;

	hook_fill(&h, regs, ret);
	key = (u64)h.task;
	p = bpf_map_lookup_elem(&pendings, &key);
	if (!p)
		return 0;
	if (event_wanted(TL_EVENT_SWITCH_TASK_NS))
		spaces_emit(&h, p);
	if (event_left(TL_EVENT_COMMIT_CREDS))
		creds_emit(h.task, h.id, ret, &p->cred);
	bpf_map_delete_elem(&pendings, &key);
	return 0;
}
