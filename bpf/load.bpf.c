/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Files that the kernel is told to read for itself: modules and kernels. An
 * attempt that fails is told too, with the reason as the result.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

enum {
	READ_FILE_PATHNAME = 0,
	READ_FILE_DEV,
	READ_FILE_INODE,
	READ_FILE_TYPE,
	READ_FILE_CTIME,

	/* enum kernel_read_file_id of the kernel. */
	READING_MODULE = 2,
	READING_KEXEC_IMAGE = 3,
	READING_KEXEC_INITRAMFS = 4,

	CALL_KEXEC_FILE_LOAD = 320,
};

static __always_inline void read_file_emit(const struct hook *h, s32 fd, u32 type)
{
	struct file *file = file_of(h->task, fd);
	struct inode *inode;
	struct scratch *s;

	if (!file || !is_kind(file, S_IFREG))
		return;
	s = hook_begin(h, TL_EVENT_KERNEL_READ_FILE);
	if (!s)
		return;
	inode = BPF_CORE_READ(file, f_inode);
	derived_set(s, READ_FILE_DEV, BPF_CORE_READ(inode, i_sb, s_dev));
	derived_set(s, READ_FILE_INODE, BPF_CORE_READ(inode, i_ino));
	derived_set(s, READ_FILE_TYPE, type);
	derived_set(s, READ_FILE_CTIME, inode_ctime(inode));
	part_path(s, READ_FILE_PATHNAME, &file->f_path);
	derived_output(s);
}

/* finit_module and kexec_file_load. */
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_load, struct pt_regs *regs, long ret)
{
	struct saved *r;
	struct hook h;

	if (!event_wanted(TL_EVENT_KERNEL_READ_FILE))
		return 0;
	hook_fill(&h, regs, ret);
	/* Not there if the kernel has refused before it read, or is reading the same already. */
	r = held_record(&h, TL_EVENT_KERNEL_READ_FILE);
	if (r) {
		held_output(r, &h);
		return 0;
	}
	if (h.id.event != CALL_KEXEC_FILE_LOAD) {
		read_file_emit(&h, h.args[0], READING_MODULE);
		return 0;
	}
	read_file_emit(&h, h.args[0], READING_KEXEC_IMAGE);
	read_file_emit(&h, h.args[1], READING_KEXEC_INITRAMFS);
	return 0;
}
