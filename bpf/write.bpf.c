/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What is written to files, and the first bytes of files, which tell what kind
 * of file it is. Whether a write began at the start of a regular file is the
 * kernel's word; the bytes are what the caller's buffer holds when the write is
 * done.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

enum {
	MAGIC_PATHNAME = 0,
	MAGIC_BYTES,
	MAGIC_DEV,
	MAGIC_INODE,

	/* Of vfs_write and vfs_writev. */
	VFS_WRITE_PATHNAME = 0,
	VFS_WRITE_DEV,
	VFS_WRITE_INODE,
	VFS_WRITE_COUNT,
	VFS_WRITE_POS,

	CALL_PWRITE64 = 18,
	CALL_WRITEV = 20,
	CALL_PWRITEV = 296,
	CALL_PWRITEV2 = 328,

	MAGIC_SIZE = 20,
};

static __always_inline bool writes_vector(const struct hook *h)
{
	return h->id.event == CALL_WRITEV || h->id.event == CALL_PWRITEV ||
	       h->id.event == CALL_PWRITEV2;
}

/* Where the call was told to write; -1 for the descriptor's own position. */
static __always_inline s64 write_position(const struct hook *h)
{
	bool compat = h->id.flags & TL_FLAG_COMPAT;

	switch (h->id.event) {
	case CALL_PWRITE64:
		return h->args[3];
	case CALL_PWRITEV:
	case CALL_PWRITEV2:
		/* A 32-bit call has the upper half in the next argument. */
		return compat ? (s64)((u32)h->args[3] | h->args[4] << 32) : h->args[3];
	}
	return -1;
}

static __always_inline void magic_emit(const struct hook *h, struct file *file)
{
	u64 from = h->args[1], size = h->ret;
	struct inode *inode;
	struct scratch *s;

	if (writes_vector(h)) {
		u32 width = hook_width(h);
		u64 vector[2] = {};

		/* The first of the buffers. */
		if (width == 8) {
			bpf_probe_read_user(vector, sizeof(vector), (void *)from);
		} else {
			u32 narrow[2] = {};

			bpf_probe_read_user(narrow, sizeof(narrow), (void *)from);
			vector[0] = narrow[0];
			vector[1] = narrow[1];
		}
		from = vector[0];
		if (size > vector[1])
			size = vector[1];
	}
	s = hook_begin(h, TL_EVENT_MAGIC_WRITE);
	if (!s)
		return;
	inode = PEEK(file, f_inode);
	derived_set(s, MAGIC_DEV, PEEK(inode, i_sb, s_dev));
	derived_set(s, MAGIC_INODE, PEEK(inode, i_ino));
	part_memory(s, MAGIC_BYTES, (void *)from, size > MAGIC_SIZE ? MAGIC_SIZE : size,
		    MAGIC_SIZE);
	part_path(s, MAGIC_PATHNAME, &file->f_path);
	derived_output(s);
}

static __always_inline void vfs_write_emit(const struct hook *h, struct file *file, u32 event,
					   s64 position)
{
	struct scratch *s = hook_begin(h, event);
	struct inode *inode;

	if (!s)
		return;
	inode = PEEK(file, f_inode);
	derived_set(s, VFS_WRITE_DEV, PEEK(inode, i_sb, s_dev));
	derived_set(s, VFS_WRITE_INODE, PEEK(inode, i_ino));
	derived_set(s, VFS_WRITE_COUNT, h->args[2]);
	/* Pipes and sockets have no position. */
	if (is_kind(file, S_IFREG))
		derived_set(s, VFS_WRITE_POS, position);
	part_path(s, VFS_WRITE_PATHNAME, &file->f_path);
	derived_output(s);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_write, struct pt_regs *regs, long ret)
{
	struct file *file;
	struct hook h;
	s64 position;
	u32 event;

	if (ret <= 0)
		return 0;
	hook_fill(&h, regs, ret);
	file = file_of(h.task, h.args[0]);
	if (!file)
		return 0;
	position = write_position(&h);
	if (position < 0)
		position = PEEK(file, f_pos) - ret;
	event = writes_vector(&h) ? TL_EVENT_VFS_WRITEV : TL_EVENT_VFS_WRITE;
	if (event_wanted(event))
		vfs_write_emit(&h, file, event, position);
	if (!position && event_wanted(TL_EVENT_MAGIC_WRITE) && is_kind(file, S_IFREG))
		magic_emit(&h, file);
	return 0;
}
