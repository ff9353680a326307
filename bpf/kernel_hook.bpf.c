/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the kernel's own hooks are given, on kernels that let programs be put on
 * them (fentry, or the BPF LSM where it is active): the objects themselves,
 * where a call's end has the caller's words only. The event stays the same. A
 * record begun here in the middle of a call is kept until the family's program
 * at the call's end, which knows the result, completes it; what comes by another
 * way than a call, as through an io_uring, is told here.
 */
#include "include/kernel_hook.h"
#include <bpf/bpf_tracing.h>

/* A name, and a second one where the event has two. */
struct hook_name {
	u32 event;
	struct dentry *dentry, *new_dentry;
	struct vfsmount *mnt;
	const char *target;
	s32 inode, dev; /* which arguments these are; 0 for none */
};

static __always_inline int name_told(const struct hook_name *n, u64 mode, u64 device)
{
	struct task_struct *task = current_task();
	enum hook_told when;
	struct dentry *dentry;
	struct inode *inode;
	struct call_id id;
	struct scratch *s;

	if (!event_wanted(n->event) || is_out(task))
		return 0;
	when = hook_when(task, TL_HOOK_NAME, &id);
	if (when == HOOK_NEVER)
		return 0;
	s = hook_claim(task);
	if (!s)
		return 0;
	derived_fill(s, task, n->event, id.flags, 0);
	if (n->inode) {
		dentry = n->dentry;
		inode = PEEK(dentry, d_inode);
		derived_set(s, n->inode, PEEK(inode, i_ino));
		derived_set(s, n->dev, BPF_CORE_READ(inode, i_sb, s_dev));
	}
	if (n->event == TL_EVENT_INODE_MKNOD || n->event == TL_EVENT_INODE_MKDIR)
		derived_set(s, MKNOD_MODE, mode);
	if (n->event == TL_EVENT_INODE_MKNOD)
		derived_set(s, MKNOD_DEV, device_number(device));
	part_dentry(s, 0, n->dentry, n->mnt, PATH_HOOK);
	if (n->new_dentry)
		part_dentry(s, 1, n->new_dentry, n->mnt, PATH_HOOK);
	if (n->target)
		part_string(s, SYMLINK_TARGET, n->target, false);
	hook_done(s, task, when);
	return 0;
}

static __always_inline struct vfsmount *mount_of(u64 path)
{
	return PEEK((struct path *)path, mnt);
}

ON_HOOK(path_unlink)
{
	struct hook_name n = {TL_EVENT_INODE_UNLINK, .dentry = (void *)given[1],
			      .mnt = mount_of(given[0]), .inode = UNLINK_INODE, .dev = UNLINK_DEV};

	return name_told(&n, 0, 0);
}

ON_HOOK(path_rmdir)
{
	struct hook_name n = {TL_EVENT_INODE_RMDIR, .dentry = (void *)given[1],
			      .mnt = mount_of(given[0]), .inode = RMDIR_INODE, .dev = RMDIR_DEV};

	return name_told(&n, 0, 0);
}

ON_HOOK(path_mkdir)
{
	struct hook_name n = {TL_EVENT_INODE_MKDIR, .dentry = (void *)given[1],
			      .mnt = mount_of(given[0])};

	return name_told(&n, (u16)given[2], 0);
}

/* Files that open makes and sockets that bind makes come by here, too: no call of the family. */
ON_HOOK(path_mknod)
{
	struct hook_name n = {TL_EVENT_INODE_MKNOD, .dentry = (void *)given[1],
			      .mnt = mount_of(given[0])};
	u16 mode = given[2];

	if ((mode & S_IFMT) == S_IFREG && LOAD(current_task(), flags) & PF_IO_WORKER)
		return 0;
	return name_told(&n, mode, given[3]);
}

ON_HOOK(path_symlink)
{
	struct hook_name n = {TL_EVENT_INODE_SYMLINK, .dentry = (void *)given[1],
			      .mnt = mount_of(given[0]), .target = (void *)given[2]};

	return name_told(&n, 0, 0);
}

ON_HOOK(path_link)
{
	struct hook_name n = {
	    TL_EVENT_INODE_LINK,       .dentry = (void *)given[0], .new_dentry = (void *)given[2],
	    .mnt = mount_of(given[1]), .inode = LINK_INODE,	   .dev = LINK_DEV};

	return name_told(&n, 0, 0);
}

ON_HOOK(path_rename)
{
	struct hook_name n = {TL_EVENT_INODE_RENAME, .dentry = (void *)given[1],
			      .new_dentry = (void *)given[3], .mnt = mount_of(given[0])};

	return name_told(&n, 0, 0);
}

/* mount; what a call that moves a mount attaches is told by the call's end alone. */
ON_HOOK(sb_mount)
{
	struct task_struct *task = current_task();
	struct path *path = (void *)given[1];
	struct call_id id;
	struct scratch *s;

	if (!event_wanted(TL_EVENT_SB_MOUNT) || is_out(task))
		return 0;
	if (hook_when(task, TL_HOOK_MOUNT, &id) != HOOK_LATER)
		return 0;
	s = hook_claim(task);
	if (!s)
		return 0;
	derived_fill(s, task, TL_EVENT_SB_MOUNT, id.flags, 0);
	part_string(s, SB_MOUNT_DEV_NAME, (void *)given[0], false);
	part_string(s, SB_MOUNT_TYPE, (void *)given[2], false);
	part_dentry(s, SB_MOUNT_PATH, PEEK(path, dentry), PEEK(path, mnt), PATH_HOOK);
	hook_done(s, task, HOOK_LATER);
	return 0;
}

ON_HOOK(sb_umount)
{
	struct task_struct *task = current_task();
	struct vfsmount *mnt = (void *)given[0];
	struct call_id id;
	struct scratch *s;

	if (!event_wanted(TL_EVENT_SB_UMOUNT) || is_out(task))
		return 0;
	if (hook_when(task, TL_HOOK_MOUNT, &id) != HOOK_LATER)
		return 0;
	s = hook_claim(task);
	if (!s)
		return 0;
	derived_fill(s, task, TL_EVENT_SB_UMOUNT, id.flags, 0);
	part_dentry(s, SB_UMOUNT_MOUNTPOINT, PEEK(mnt, mnt_root), mnt, PATH_HOOK);
	hook_done(s, task, HOOK_LATER);
	return 0;
}

ON_HOOK(move_mount)
{
	struct path *from = (void *)given[0], *to = (void *)given[1];
	struct task_struct *task = current_task();
	struct call_id id;
	struct scratch *s;

	if (!event_wanted(TL_EVENT_MOVE_MOUNT) || is_out(task))
		return 0;
	if (hook_when(task, TL_HOOK_MOUNT, &id) != HOOK_LATER)
		return 0;
	s = hook_claim(task);
	if (!s)
		return 0;
	derived_fill(s, task, TL_EVENT_MOVE_MOUNT, id.flags, 0);
	hook_path(s, MOVE_MOUNT_FROM, from);
	hook_path(s, MOVE_MOUNT_TO, to);
	hook_done(s, task, HOOK_LATER);
	return 0;
}

enum { CAPABLE_CAP = 0, CAPABLE_SYSCALL };

static __always_inline int capable_told(s32 cap)
{
	struct task_struct *task = current_task();
	struct tl_derived *r = 0;
	struct call_id id = {};
	u32 raw, nr;
	u64 time;

	if (!event_wanted(TL_EVENT_CAP_CAPABLE) || is_out(task))
		return 0;
	time = bpf_ktime_get_boot_ns();
	raw = task_call_number(task);
	nr = raw & ~X32_BIT;
	if (nr < TL_CALLS)
		call_resolve_number(raw, task, 0, &id);
	if (!flood_shut(LOAD(task, tgid), TL_EVENT_CAP_CAPABLE, time))
		r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
	if (!r) {
		count_drop(TL_EVENT_CAP_CAPABLE);
		return 0;
	}
	head_fill_at(&r->head, task, TL_DERIVED, TL_EVENT_CAP_CAPABLE, time);
	r->head.flags = id.flags;
	r->ret = 0;
	__builtin_memset(r->args, 0, sizeof(r->args));
	r->args[CAPABLE_CAP] = cap;
	r->args[CAPABLE_SYSCALL] = id.event;
	/* The kernel's own threads make no calls. */
	r->present = 1 << CAPABLE_CAP;
	if (nr < TL_CALLS)
		r->present |= 1 << CAPABLE_SYSCALL;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

/* Arguments: credentials, namespace, capability, options. */
ON_HOOK(capable)
{
	return capable_told(given[2]);
}

/* The same question as a tracepoint, since 6.13: credentials, two namespaces, capability. */
SEC("tp_btf/cap_capable")
int on_cap_capable(u64 *given)
{
	return capable_told(given[3]);
}

struct creds_record {
	struct tl_derived derived;
	struct tl_part old_part;
	struct tl_cred old;
	struct tl_part new_part;
	struct tl_cred new;
};

/*
 * New credentials are put in force, by whatever means: also by code in the
 * kernel that no system call leads to in good order.
 */
SEC("fentry/commit_creds")
int fentry_commit_creds(u64 *given)
{
	struct task_struct *task = current_task();
	const struct cred *now = (void *)given[0];
	struct creds_record *r;
	struct call_id id = {};
	u64 changed = 0;
	u32 raw;

	if (!event_wanted(TL_EVENT_COMMIT_CREDS) || is_out(task))
		return 0;
	raw = task_call_number(task);
	if ((raw & ~X32_BIT) < TL_CALLS)
		call_resolve_number(raw, task, 0, &id);
	r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
	if (!r) {
		count_drop(TL_EVENT_COMMIT_CREDS);
		return 0;
	}
	cred_fill(&r->old, LOAD(task, cred));
	cred_fill(&r->new, now);
#pragma unroll
	for (int i = 0; i < sizeof(r->old) / sizeof(u64); i++)
		changed |= ((u64 *)&r->old)[i] ^ ((u64 *)&r->new)[i];
	if (!changed) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return 0;
	}
	head_fill(&r->derived.head, task, TL_DERIVED, TL_EVENT_COMMIT_CREDS);
	r->derived.head.flags = id.flags;
	r->derived.ret = 0;
	__builtin_memset(r->derived.args, 0, sizeof(r->derived.args));
	r->derived.args[COMMIT_CREDS_SYSCALL] = id.event;
	r->derived.present = 1 << COMMIT_CREDS_SYSCALL;
	r->old_part.id = COMMIT_CREDS_OLD;
	r->new_part.id = COMMIT_CREDS_NEW;
	r->old_part.size = r->new_part.size = sizeof(struct tl_cred);
	r->old_part.omitted = r->new_part.omitted = 0;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}
