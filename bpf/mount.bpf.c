/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * File systems that are mounted, moved and unmounted. mount(2) leaves nothing
 * behind that leads to what it mounted, so there the words are the caller's;
 * move_mount has a descriptor that does. Attempts that fail are told too, with
 * the reason as the result.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

enum {
	SB_MOUNT_DEV_NAME = 0,
	SB_MOUNT_PATH,
	SB_MOUNT_TYPE,
	SB_MOUNT_FLAGS,

	SB_UMOUNT_MOUNTPOINT = 0,
	SB_UMOUNT_FLAGS = 2,

	MOVE_MOUNT_FROM = 0,
	MOVE_MOUNT_TO,
};

/* Catalogue ids. */
enum {
	CALL_MOUNT = 165,
	CALL_UMOUNT2 = 166,
	CALL_MOVE_MOUNT = 429,
	CALL_UMOUNT = 604,
};

enum {
	MS_RDONLY = 1,
	MNT_NOSUID = 1,
	MNT_NODEV = 2,
	MNT_NOEXEC = 4,
	MOVE_MOUNT_F_EMPTY_PATH = 4,
};
/* In the flags of old callers, to be ignored. */
#define MS_MGC_VAL 0xC0ED0000u
#define MS_MGC_MSK 0xffff0000u

static __always_inline void mount_call(const struct hook *h)
{
	struct saved *r = held_record(h, TL_EVENT_SB_MOUNT);
	u64 flags = h->args[3];
	struct scratch *s;

	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~(u64)MS_MGC_MSK;
	if (r) {
		held_set(r, SB_MOUNT_FLAGS, flags);
		held_output(r, h);
		return;
	}
	s = hook_begin(h, TL_EVENT_SB_MOUNT);
	if (!s)
		return;
	derived_set(s, SB_MOUNT_FLAGS, flags);
	part_string(s, SB_MOUNT_DEV_NAME, (void *)h->args[0], true);
	part_string(s, SB_MOUNT_TYPE, (void *)h->args[2], true);
	part_place(s, SB_MOUNT_PATH, h->task, AT_FDCWD, (void *)h->args[1]);
	derived_output(s);
}

static __always_inline void umount_call(const struct hook *h)
{
	struct saved *r = held_record(h, TL_EVENT_SB_UMOUNT);
	struct scratch *s;

	if (r) {
		held_set(r, SB_UMOUNT_FLAGS, h->args[1]);
		held_output(r, h);
		return;
	}
	s = hook_begin(h, TL_EVENT_SB_UMOUNT);
	if (!s)
		return;
	derived_set(s, SB_UMOUNT_FLAGS, h->args[1]);
	part_place(s, SB_UMOUNT_MOUNTPOINT, h->task, AT_FDCWD, (void *)h->args[0]);
	derived_output(s);
}

/* A mount without a place, made by fsmount or open_tree, has been given one. */
static __always_inline void mount_attached(const struct hook *h, struct file *file)
{
	struct vfsmount *vfsmount = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mount = container_of(vfsmount, struct mount, mnt);
	struct super_block *sb = BPF_CORE_READ(file, f_inode, i_sb);
	struct scratch *s = hook_begin(h, TL_EVENT_SB_MOUNT);
	u32 flags = BPF_CORE_READ(vfsmount, mnt_flags), ms;

	if (!s)
		return;
	/* The user's flags are the kernel's, one bit further up. */
	ms = (flags & (MNT_NOSUID | MNT_NODEV | MNT_NOEXEC)) << 1;
	if (flags & MNT_READONLY || BPF_CORE_READ(sb, s_flags) & SB_RDONLY)
		ms |= MS_RDONLY;
	derived_set(s, SB_MOUNT_FLAGS, ms);
	part_string(s, SB_MOUNT_DEV_NAME, BPF_CORE_READ(mount, mnt_devname), false);
	part_string(s, SB_MOUNT_TYPE, BPF_CORE_READ(sb, s_type, name), false);
	part_path(s, SB_MOUNT_PATH, &file->f_path);
	derived_output(s);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_mount, struct pt_regs *regs, long ret)
{
	struct file *file;
	struct scratch *s;
	struct saved *r;
	struct hook h;

	hook_fill(&h, regs, ret);
	switch (h.id.event) {
	case CALL_MOUNT:
		if (event_wanted(TL_EVENT_SB_MOUNT))
			mount_call(&h);
		return 0;
	case CALL_UMOUNT:
		/* The older form has no flags. */
		h.args[1] = 0;
		/* fall through */
	case CALL_UMOUNT2:
		if (event_wanted(TL_EVENT_SB_UMOUNT))
			umount_call(&h);
		return 0;
	case CALL_MOVE_MOUNT:
		break;
	default:
		return 0;
	}
	if (event_wanted(TL_EVENT_SB_MOUNT) && !ret && h.args[4] & MOVE_MOUNT_F_EMPTY_PATH) {
		file = file_of(h.task, h.args[0]);
		if (file)
			mount_attached(&h, file);
	}
	if (!event_wanted(TL_EVENT_MOVE_MOUNT))
		return 0;
	r = held_record(&h, TL_EVENT_MOVE_MOUNT);
	if (r) {
		held_output(r, &h);
		return 0;
	}
	s = hook_begin(&h, TL_EVENT_MOVE_MOUNT);
	if (!s)
		return 0;
	part_place(s, MOVE_MOUNT_FROM, h.task, h.args[0], (void *)h.args[1]);
	part_place(s, MOVE_MOUNT_TO, h.task, h.args[2], (void *)h.args[3]);
	derived_output(s);
	return 0;
}
