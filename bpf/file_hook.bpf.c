/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Files that are opened, by the kernel's own hook: the file itself, and the
 * kernel's own copy of the name that was asked for, neither of which anybody can
 * change any more. It is asked by calls that open and by io_urings; what the
 * kernel opens on the way, such as the file behind an overlay's, is not told.
 */
#include "include/kernel_hook.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* A walk along a path, and the name that it is about. */
struct nameidata {
	struct filename *name;
};
struct task_struct___walking {
	struct nameidata *nameidata;
};
struct file___mode {
	u32 f_mode;
};

#pragma clang attribute pop

/* linux/fs.h: opened for the kernel's own sake. */
#define FMODE_NOACCOUNT 0x20000000u

static __always_inline void part_asked(struct scratch *s, u16 id, struct task_struct *task)
{
	struct task_struct___walking *walking = (void *)task;
	const char *name = BPF_CORE_READ(walking, nameidata, name, name);
	char first = 0;

	bpf_probe_read_kernel(&first, sizeof(first), name);
	/* By a handle: without a name. */
	if (first)
		part_string(s, id, name, false);
}

ON_VERDICT(file_open, 1)
{
	struct file *file = (void *)given[0];
	struct file___mode *mode = (void *)file;
	struct task_struct *task = current_task();
	struct super_block *sb;
	struct inode *inode;
	struct call_id id;
	struct scratch *s;
	u32 flags;

	if (!event_wanted(TL_EVENT_FILE_OPEN) || !hook_in(task, TL_HOOK_OPEN, &id) ||
	    BPF_CORE_READ(mode, f_mode) & FMODE_NOACCOUNT || is_out(task))
		return 0;
	s = hook_tell(task, TL_EVENT_FILE_OPEN, id.flags, 0);
	if (!s)
		return 0;
	inode = PEEK(file, f_inode);
	sb = PEEK(inode, i_sb);
	flags = PEEK(file, f_flags);
	/* An io_uring tries without waiting first, whatever it was asked. */
	if (id.event == CALL_IO_URING_ENTER)
		flags &= ~O_NONBLOCK;
	derived_set(s, FILE_OPEN_FLAGS, flags);
	derived_set(s, FILE_OPEN_DEV, PEEK(sb, s_dev));
	derived_set(s, FILE_OPEN_INODE, PEEK(inode, i_ino));
	derived_set(s, FILE_OPEN_CTIME, inode_ctime(inode));
	derived_set(s, FILE_OPEN_SYSCALL, id.event);
	part_asked(s, FILE_OPEN_SYSCALL_PATHNAME, task);
	hook_path(s, FILE_OPEN_PATHNAME, &file->f_path);
	hook_output(s);
	return 0;
}
