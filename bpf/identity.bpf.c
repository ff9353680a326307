/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Processes that become somebody else or move elsewhere: their credentials and
 * namespaces before and after the calls that can change them. Nothing is told
 * where nothing changed. What they were before is noted when a thread begins and
 * when one of these calls ends; when the events are first wanted, of all threads
 * that there are.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

/* Catalogue id. */
enum { CALL_PRCTL = 157 };

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork_identity, struct task_struct *parent, struct task_struct *child)
{
	identity_note(child);
	return 0;
}

/* Every thread that exists. */
SEC("iter/task")
int note_identities(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		identity_note(task);
	return 0;
}

static __always_inline void spaces_emit(const struct hook *h, const struct identity *before)
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
	struct identity *known;
	struct hook h;
	u64 key;

	hook_fill(&h, regs, ret);
	key = (u64)h.task;
	known = bpf_map_lookup_elem(&identities, &key);
	if (!known) {
		/*
		 * There are too many, or it began before the sensor and outside its pid
		 * namespace. prctl is for much else.
		 */
		if (!ret && h.id.event != CALL_PRCTL)
			count_drop(event_left(TL_EVENT_COMMIT_CREDS) ? TL_EVENT_COMMIT_CREDS
								     : TL_EVENT_SWITCH_TASK_NS);
		identity_note(h.task);
		return 0;
	}
	if (event_wanted(TL_EVENT_SWITCH_TASK_NS))
		spaces_emit(&h, known);
	if (event_left(TL_EVENT_COMMIT_CREDS))
		creds_emit(h.task, h.id, ret, &known->cred);
	identity_note(h.task);
	return 0;
}
