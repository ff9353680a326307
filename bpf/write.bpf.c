/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The first bytes of files, which tell what kind of file it is. Whether a write
 * began at the start of a regular file is the kernel's word; the bytes are what
 * the caller's buffer holds when the write is done.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

enum {
	MAGIC_PATHNAME = 0,
	MAGIC_BYTES,
	MAGIC_DEV,
	MAGIC_INODE,

	CALL_PWRITE64 = 18,
	CALL_WRITEV = 20,
	CALL_PWRITEV = 296,
	CALL_PWRITEV2 = 328,

	MAGIC_SIZE = 20,
};

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

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_write, struct pt_regs *regs, long ret)
{
	u64 from, size = ret;
	struct inode *inode;
	struct scratch *s;
	struct file *file;
	struct hook h;
	s64 position;

	if (ret <= 0 || !event_wanted(TL_EVENT_MAGIC_WRITE))
		return 0;
	hook_fill(&h, regs, ret);
	position = write_position(&h);
	if (position > 0)
		return 0;
	file = file_of(h.task, h.args[0]);
	if (!file || !is_kind(file, S_IFREG))
		return 0;
	if (position < 0 && BPF_CORE_READ(file, f_pos) != ret)
		return 0;
	from = h.args[1];
	if (h.id.event == CALL_WRITEV || h.id.event == CALL_PWRITEV ||
	    h.id.event == CALL_PWRITEV2) {
		u32 width = hook_width(&h);
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
	s = hook_begin(&h, TL_EVENT_MAGIC_WRITE);
	if (!s)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	derived_set(s, MAGIC_DEV, BPF_CORE_READ(inode, i_sb, s_dev));
	derived_set(s, MAGIC_INODE, BPF_CORE_READ(inode, i_ino));
	part_memory(s, MAGIC_BYTES, (void *)from, size > MAGIC_SIZE ? MAGIC_SIZE : size,
		    MAGIC_SIZE);
	part_path(s, MAGIC_PATHNAME, &file->f_path);
	derived_output(s);
	return 0;
}
