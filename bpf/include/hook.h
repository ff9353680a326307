/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 5: events that are derived from what the kernel has done. They have
 * the names and arguments of the kernel's own hooks, whichever program serves
 * them, and are built of kernel objects; user memory is read where nothing else
 * tells.
 *
 * Most derive from system calls: on_sys_exit passes a call on to the program of
 * its family. What a call's end does not tell any more is taken in the middle of
 * it, at tracepoints that few calls come by: a program at the beginning of calls
 * would cost each of them half of what the one at their end does. A family names
 * the arguments of its events by their position in the catalogue.
 */
#ifndef TRIPLINE_HOOK_H
#define TRIPLINE_HOOK_H

#include "call.h"
#include "file.h"
#include "flood.h"
#include "scope.h"
#include "task.h"

/* Filled by the loader, by enum tl_hook. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TL_HOOKS);
	__type(key, u32);
	__type(value, u32);
} exit_hooks SEC(".maps");

/* What was so in the middle of a call and will not be when it ends; by task. */
struct pending {
	u64 words[2];
	struct tl_cred cred;
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
	h->task = current_task();
	call_resolve(regs, h->task, 0, &h->id);
	call_args_any(regs, h->id.flags, &shared.calls[h->id.event & (TL_CALLS - 1)], h->args);
	h->ret = ret;
}

/* The size of a pointer or a long in the caller's memory. */
static __always_inline u32 hook_width(const struct hook *h)
{
	return h->id.flags & (TL_FLAG_COMPAT | TL_FLAG_X32) ? 4 : 8;
}

static __always_inline void derived_fill(struct scratch *s, struct task_struct *task, u32 event,
					 u16 flags, s64 ret)
{
	struct tl_derived *r = (void *)s->data;

	head_fill(&r->head, task, TL_DERIVED, event);
	r->head.flags = flags;
	r->ret = ret;
	r->present = 0;
	__builtin_memset(r->args, 0, sizeof(r->args));
	s->used = sizeof(*r);
}

static __always_inline struct scratch *derived_begin(struct task_struct *task, u32 event, u16 flags,
						     s64 ret)
{
	struct scratch *s = scratch_get(SCRATCH_DERIVED);

	if (s)
		derived_fill(s, task, event, flags, ret);
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
	events_output(SCRATCH_DERIVED, s->data, s->used, RECORD_SIZE);
}

/*
 * Records that a kernel hook has begun in the middle of a call and that the
 * call's end completes; by task.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct saved);
} held SEC(".maps");

/* The record of this event that a kernel hook has begun; null where there is none. */
static __always_inline struct saved *held_record(const struct hook *h, u32 event)
{
	u64 key = (u64)h->task;
	struct saved *r = bpf_map_lookup_elem(&held, &key);

	if (!r || ((struct tl_head *)r->data)->event != event)
		return 0;
	return r;
}

static __always_inline void held_forget(struct task_struct *task)
{
	u64 key = (u64)task;

	bpf_map_delete_elem(&held, &key);
}

static __always_inline void held_set(struct saved *r, u32 i, u64 value)
{
	struct tl_derived *d = (void *)r->data;

	d->args[i] = value;
	d->present |= 1ull << i;
}

/* Completes a record and forgets it. */
static __always_inline void held_output(struct saved *r, const struct hook *h)
{
	struct tl_derived *d = (void *)r->data;

	d->head.time = bpf_ktime_get_boot_ns();
	d->ret = h->ret;
	if (flood_shut(d->head.pid, d->head.event, d->head.time))
		count_drop(d->head.event);
	else
		events_send(r->data, r->used, SAVED_SIZE);
	held_forget(h->task);
}

enum { AT_FDCWD = -100, CALL_IO_URING_ENTER = 426 };

/*
 * Argument i, 0 or 1, is a path that the caller gave: relative to the directory
 * dirfd, which comes along, if it does not begin at the root.
 */
static __always_inline void part_place(struct scratch *s, u16 i, struct task_struct *task,
				       s32 dirfd, const void *name)
{
	struct fs_struct *fs = LOAD(task, fs);
	struct path *base = &fs->pwd;
	char first = 0;

	if (!part_string(s, i, name, true))
		return;
	bpf_probe_read_user(&first, sizeof(first), name);
	if (first == '/')
		return;
	if (dirfd != AT_FDCWD) {
		struct file *file = file_of(task, dirfd);

		if (!file)
			return;
		base = &file->f_path;
	}
	part_path(s, TL_PART_BASE0 + i, base);
}

static __always_inline void cred_fill(struct tl_cred *c, const struct cred *cred)
{
	c->uid = LOAD(cred, uid.val);
	c->gid = LOAD(cred, gid.val);
	c->suid = LOAD(cred, suid.val);
	c->sgid = LOAD(cred, sgid.val);
	c->euid = LOAD(cred, euid.val);
	c->egid = LOAD(cred, egid.val);
	c->fsuid = LOAD(cred, fsuid.val);
	c->fsgid = LOAD(cred, fsgid.val);
	c->securebits = LOAD(cred, securebits);
	c->ns_user = LOAD(LOAD(cred, user_ns), ns.inum);
	c->cap_inheritable = capabilities(&cred->cap_inheritable);
	c->cap_permitted = capabilities(&cred->cap_permitted);
	c->cap_effective = capabilities(&cred->cap_effective);
	c->cap_bounding = capabilities(&cred->cap_bset);
	c->cap_ambient = capabilities(&cred->cap_ambient);
}

static __always_inline bool part_cred(struct scratch *s, u16 id, const struct tl_cred *cred)
{
	struct tl_part *part = part_next(s);

	if (!part)
		return false;
	__builtin_memcpy(part + 1, cred, sizeof(*cred));
	part_end(s, part, id, sizeof(*cred), 0);
	return true;
}

enum { COMMIT_CREDS_OLD = 0, COMMIT_CREDS_NEW, COMMIT_CREDS_SYSCALL };

/* Who a thread is, as far as it can change that; by task. */
struct identity {
	struct tl_cred cred;
	u32 spaces[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, u64);
	__type(value, struct identity);
} identities SEC(".maps");

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

/* By argument of switch_task_ns; the one for the pid stays empty. */
static __always_inline void spaces_fill(u32 *spaces, struct task_struct *task)
{
	struct nsproxy *ns = LOAD(task, nsproxy);

	spaces[SWITCH_NS_MNT] = PEEK(ns, mnt_ns, ns.inum);
	spaces[SWITCH_NS_PIDNS] = PEEK(ns, pid_ns_for_children, ns.inum);
	spaces[SWITCH_NS_UTS] = PEEK(ns, uts_ns, ns.inum);
	spaces[SWITCH_NS_IPC] = PEEK(ns, ipc_ns, ns.inum);
	spaces[SWITCH_NS_NET] = PEEK(ns, net_ns, ns.inum);
	spaces[SWITCH_NS_CGROUP] = PEEK(ns, cgroup_ns, ns.inum);
}

/* The task must be the verifier's pointer. */
static __always_inline void identity_note(struct task_struct *task)
{
	u64 key = (u64)task;
	struct identity now = {};

	cred_fill(&now.cred, LOAD(task, cred));
	spaces_fill(now.spaces, task);
	bpf_map_update_elem(&identities, &key, &now, BPF_ANY);
}

/* Says whether the call under way, if it is one, is looked at by a family's program at its end. */
static __always_inline bool call_is_hooked(u32 raw, struct task_struct *task, struct call_id *id)
{
	u32 nr = raw & ~X32_BIT;

	opaque(nr);
	return nr < TL_CALLS && call_resolve_number(raw, task, shared.gate[nr], id) & TL_GATE_HOOK;
}

/* Tells of credentials that are not what they were. */
static __always_inline void creds_emit(struct task_struct *task, struct call_id id, s64 ret,
				       const struct tl_cred *before)
{
	const u64 *old = (const u64 *)before;
	struct tl_cred after = {};
	u64 changed = 0;
	struct scratch *s;

	cred_fill(&after, LOAD(task, cred));
#pragma unroll
	for (int i = 0; i < sizeof(after) / sizeof(u64); i++)
		changed |= ((const u64 *)&after)[i] ^ old[i];
	if (!changed)
		return;
	s = derived_begin(task, TL_EVENT_COMMIT_CREDS, id.flags, ret);
	if (!s)
		return;
	derived_set(s, COMMIT_CREDS_SYSCALL, id.event);
	part_cred(s, COMMIT_CREDS_OLD, before);
	part_cred(s, COMMIT_CREDS_NEW, &after);
	derived_output(s);
}

#endif
