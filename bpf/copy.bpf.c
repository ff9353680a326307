/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Files whose beginning was written by the kernel itself, out of another file
 * or a pipe: copy_file_range, sendfile, splice and the cloning of a file, which
 * is how cp and cat work. The bytes are in no memory of the caller's, so the
 * record has none: it says which descriptor and file to look at, and the reader
 * looks.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

enum {
	CALL_IOCTL = 16,
	CALL_SENDFILE = 40,
	CALL_SPLICE = 275,
	CALL_COPY_FILE_RANGE = 326,
	CALL_SENDFILE32 = 658,
};

/* linux/fs.h */
#define FICLONE	     0x40049409u
#define FICLONERANGE 0x4020940du

/* The destination of the call, and the pointer to its position, null for the descriptor's own. */
struct copied {
	s32 fd;
	u64 position;
};

/* Whether the call is one that copies. */
static __always_inline bool copied_fill(struct copied *c, const struct hook *h)
{
	c->fd = h->args[2];
	c->position = h->args[3];
	switch (h->id.event) {
	case CALL_SENDFILE:
	case CALL_SENDFILE32:
		c->fd = h->args[0];
		c->position = 0;
		return h->ret > 0;
	case CALL_IOCTL:
		c->fd = h->args[0];
		return !h->ret && ((u32)h->args[1] == FICLONE || (u32)h->args[1] == FICLONERANGE);
	}
	return h->ret > 0;
}

/* Whether the destination's beginning was written. */
static __always_inline bool copied_start(const struct copied *c, const struct hook *h,
					 struct file *file)
{
	/* struct file_clone_range */
	u64 range[4] = {};
	s64 after = 0;

	if (h->id.event == CALL_IOCTL) {
		if ((u32)h->args[1] == FICLONERANGE)
			bpf_probe_read_user(range, sizeof(range), (void *)h->args[2]);
		return !range[3];
	}
	if (!c->position)
		return PEEK(file, f_pos) == h->ret;
	/* The kernel has moved it on. */
	bpf_probe_read_user(&after, sizeof(after), (void *)c->position);
	return after == h->ret;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_copy, struct pt_regs *regs, long ret)
{
	struct inode *inode;
	struct scratch *s;
	struct copied c;
	struct file *file;
	struct hook h;

	if (ret < 0 || !event_wanted(TL_EVENT_MAGIC_WRITE))
		return 0;
	hook_fill(&h, regs, ret);
	if (!copied_fill(&c, &h))
		return 0;
	file = file_of(h.task, c.fd);
	if (!file || !is_kind(file, S_IFREG) || !copied_start(&c, &h, file))
		return 0;
	s = hook_begin(&h, TL_EVENT_MAGIC_WRITE);
	if (!s)
		return 0;
	inode = PEEK(file, f_inode);
	derived_set(s, MAGIC_DEV, PEEK(inode, i_sb, s_dev));
	derived_set(s, MAGIC_INODE, PEEK(inode, i_ino));
	part_path(s, MAGIC_PATHNAME, &file->f_path);
	part_file(s, file, c.fd);
	derived_output(s);
	return 0;
}
