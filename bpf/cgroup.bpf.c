/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Control groups come and go, and processes move between them: what it takes
 * to tell which container a cgroup id belongs to. They go through the
 * lifecycle ring, for a container's first cgroup must not be lost.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

/* What is told of a cgroup is told if it is a container that is looked at. */
static __always_inline bool cgroup_out(u32 event, struct cgroup *cgroup, const u8 *path,
				       struct task_struct *attached)
{
	bool out;

	if (!shared.scope.on)
		return false;
	if (shared.scope.containers) {
		out = !scope_is_container(event == TL_EVENT_CGROUP_MKDIR ? scope_mkdir(cgroup, path)
									 : scope_cgroup(cgroup));
		if (event == TL_EVENT_CGROUP_RMDIR)
			scope_rmdir(cgroup);
	} else {
		out = attached && !scope_match(attached);
	}
	if (out)
		count_skipped(TL_SKIPPED_LIFECYCLE);
	return out;
}

static __always_inline int cgroup_emit(u32 event, struct cgroup *cgroup, const char *path,
				       struct task_struct *attached)
{
	struct scratch *s = scratch_get(SCRATCH_TASK);
	struct tl_cgroup_event *e;
	u32 used;

	if (!s)
		return 0;
	e = (void *)s->data;
	head_fill(&e->head, current_task(), TL_CGROUP, event);
	e->id = BPF_CORE_READ(cgroup, kn, id);
	e->hierarchy = BPF_CORE_READ(cgroup, root, hierarchy_id);
	e->pid = 0;
	s->used = sizeof(*e);
	part_string(s, TL_PART_PATH, path, false);
	if (cgroup_out(event, cgroup, s->data + sizeof(*e) + sizeof(struct tl_part), attached))
		return 0;
	if (attached) {
		e->pid = BPF_CORE_READ(attached, pid);
		part_string(s, TL_PART_COMM, attached->comm, false);
	}
	used = s->used;
	opaque(used);
	if (used > RECORD_SIZE)
		return 0;
	if (bpf_ringbuf_output(&lifecycle, s->data, used, BPF_RB_NO_WAKEUP))
		count_drop(event);
	return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	return cgroup_emit(TL_EVENT_CGROUP_MKDIR, cgroup, path, 0);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(on_cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	return cgroup_emit(TL_EVENT_CGROUP_RMDIR, cgroup, path, 0);
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_cgroup_attach, struct cgroup *cgroup, const char *path, struct task_struct *task)
{
	return cgroup_emit(TL_EVENT_CGROUP_ATTACH, cgroup, path, task);
}
