/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Files that were opened: the file that the new descriptor stands for, and its
 * path by the kernel's own names. Between the call and this look another thread
 * may have put another file in the descriptor's place, which is why the name
 * that was asked for comes along: where the two disagree, or the descriptor is
 * gone, the event says so.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

enum {
	FILE_OPEN_PATHNAME = 0,
	FILE_OPEN_FLAGS,
	FILE_OPEN_DEV,
	FILE_OPEN_INODE,
	FILE_OPEN_CTIME,
	FILE_OPEN_SYSCALL_PATHNAME,
	FILE_OPEN_SYSCALL,
};

/* Catalogue ids. */
enum {
	CALL_OPEN = 2,
	CALL_CREAT = 85,
	CALL_OPENAT = 257,
	CALL_OPENAT2 = 437,
};

enum {
	O_WRONLY = 01,
	O_CREAT = 0100,
	O_EXCL = 0200,
	O_NOCTTY = 0400,
	O_TRUNC = 01000,
	O_NONBLOCK = 04000,
	O_PATH = 010000000,
	/* What the kernel forgets of the flags once the file is open. */
	O_OPENING = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC,
};

/* Walked, a constant, says that the path may be in the buffer already. */
static __always_inline void file_open_emit(struct scratch *s, struct file *file, u32 asked,
					   bool walked)
{
	struct inode *inode = PEEK(file, f_inode);
	struct super_block *sb = PEEK(inode, i_sb);

	derived_set(s, FILE_OPEN_FLAGS, PEEK(file, f_flags) | (asked & O_OPENING));
	derived_set(s, FILE_OPEN_DEV, PEEK(sb, s_dev));
	derived_set(s, FILE_OPEN_INODE, PEEK(inode, i_ino));
	derived_set(s, FILE_OPEN_CTIME, inode_ctime(inode));
	if (walked)
		part_path_again(s, FILE_OPEN_PATHNAME, &file->f_path);
	else
		part_path(s, FILE_OPEN_PATHNAME, &file->f_path);
	derived_output(s);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_open, struct pt_regs *regs, long ret)
{
	const void *name = 0;
	struct scratch *s;
	struct file *file;
	struct hook h;
	s32 dirfd = AT_FDCWD;
	u64 asked = 0;

	if (ret < 0 || !event_left(TL_EVENT_FILE_OPEN))
		return 0;
	hook_fill(&h, regs, ret);
	file = file_of(h.task, ret);
	/* With O_PATH nothing is opened. */
	if (file && PEEK(file, f_flags) & O_PATH)
		return 0;
	switch (h.id.event) {
	case CALL_OPEN:
		name = (void *)h.args[0];
		asked = h.args[1];
		break;
	case CALL_CREAT:
		name = (void *)h.args[0];
		asked = O_WRONLY | O_CREAT | O_TRUNC;
		break;
	case CALL_OPENAT:
		dirfd = h.args[0];
		name = (void *)h.args[1];
		asked = h.args[2];
		break;
	case CALL_OPENAT2:
		dirfd = h.args[0];
		name = (void *)h.args[1];
		bpf_probe_read_user(&asked, sizeof(asked), (void *)h.args[2]);
		break;
	}
	s = hook_begin(&h, TL_EVENT_FILE_OPEN);
	if (!s)
		return 0;
	derived_set(s, FILE_OPEN_SYSCALL, h.id.event);
	part_string(s, FILE_OPEN_SYSCALL_PATHNAME, name, true);
	if (file) {
		file_open_emit(s, file, asked, true);
		return 0;
	}
	/* Closed by another thread meanwhile: only the caller's words are left. */
	if (asked & O_PATH)
		return 0;
	((struct tl_head *)s->data)->flags |= TL_FLAG_MISMATCH;
	derived_set(s, FILE_OPEN_FLAGS, asked);
	part_place(s, FILE_OPEN_PATHNAME, h.task, dirfd, name);
	derived_output(s);
	return 0;
}
