/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Files that the kernel reads for itself, whatever it was that made it, and BPF
 * maps and programs that somebody gets hold of, by whatever command: by the
 * kernel's own hooks.
 */
#include "include/kernel_hook.h"

/* From 6.14 compressed modules have a number of their own before the kernels'. */
enum kernel_read_file_id { READING_MODULE_COMPRESSED = 3 };

static __always_inline u32 reading_kind(u32 kind)
{
	u32 compressed;

	if (!bpf_core_enum_value_exists(enum kernel_read_file_id, READING_MODULE_COMPRESSED))
		return kind;
	compressed = bpf_core_enum_value(enum kernel_read_file_id, READING_MODULE_COMPRESSED);
	if (kind == compressed)
		return READING_MODULE;
	return kind > compressed ? kind - 1 : kind;
}

/* Arguments: file, what for. Loading a module or a kernel is told at the
 * call's end. */
ON_HOOK(kernel_read_file)
{
	struct task_struct *task = current_task();
	struct file *file = (void *)given[0];
	enum hook_told when;
	struct inode *inode;
	struct call_id id;
	struct scratch *s;

	if (!event_wanted(TL_EVENT_KERNEL_READ_FILE) || !is_kind(file, S_IFREG) || is_out(task))
		return 0;
	when = hook_when(task, TL_HOOK_LOAD, &id);
	if (when == HOOK_NEVER) {
		id.flags = 0;
		when = HOOK_HERE;
	} else if (reading_kind(given[1]) == READING_KEXEC_INITRAMFS) {
		/* The call's end tells of the kernel that was read before. */
		when = HOOK_HERE;
	}
	s = when == HOOK_LATER ? hook_claim(task)
			       : hook_tell(task, TL_EVENT_KERNEL_READ_FILE, 0, 0);
	if (!s)
		return 0;
	derived_fill(s, task, TL_EVENT_KERNEL_READ_FILE, id.flags, 0);
	inode = BPF_CORE_READ(file, f_inode);
	derived_set(s, READ_FILE_DEV, BPF_CORE_READ(inode, i_sb, s_dev));
	derived_set(s, READ_FILE_INODE, BPF_CORE_READ(inode, i_ino));
	derived_set(s, READ_FILE_TYPE, reading_kind(given[1]));
	derived_set(s, READ_FILE_CTIME, inode_ctime(inode));
	hook_path(s, READ_FILE_PATHNAME, &file->f_path);
	hook_done(s, task, when);
	return 0;
}

/* Arguments: command, its attributes and their size. The verdict is the result. */
static __always_inline int bpf_told(u32 cmd, s64 verdict)
{
	struct task_struct *task = current_task();
	struct call_id id;
	struct scratch *s;

	if (!event_wanted(TL_EVENT_BPF) || !hook_in(task, TL_HOOK_BPF, &id) || is_out(task))
		return 0;
	s = hook_tell(task, TL_EVENT_BPF, id.flags, verdict);
	if (!s)
		return 0;
	derived_set(s, SECURITY_BPF_CMD, cmd);
	hook_output(s);
	return 0;
}

SEC("fexit/security_bpf")
int fentry_bpf(u64 *given)
{
	return bpf_told(given[0], hook_verdict(given, 3));
}

SEC("lsm/bpf")
int lsm_bpf(u64 *given)
{
	return bpf_told(given[0], 0);
}

ON_VERDICT(bpf_map, 2)
{
	struct task_struct *task = current_task();
	struct bpf_map *map = (void *)given[0];
	struct call_id id;
	struct scratch *s;

	if (!event_wanted(TL_EVENT_BPF_MAP) || !hook_in(task, TL_HOOK_BPF, &id) || is_out(task))
		return 0;
	s = hook_tell(task, TL_EVENT_BPF_MAP, id.flags, 0);
	if (!s)
		return 0;
	derived_set(s, SECURITY_MAP_ID, BPF_CORE_READ(map, id));
	part_string(s, SECURITY_MAP_NAME, map->name, false);
	hook_output(s);
	return 0;
}

ON_VERDICT(bpf_prog, 1)
{
	struct task_struct *task = current_task();
	struct bpf_prog *prog = (void *)given[0];
	struct bpf_prog_aux *aux;
	struct call_id id;
	struct scratch *s;
	bool loads;

	if (!event_wanted(TL_EVENT_BPF_PROG) || !hook_in(task, TL_HOOK_BPF, &id) || is_out(task))
		return 0;
	s = hook_tell(task, TL_EVENT_BPF_PROG, id.flags, 0);
	if (!s)
		return 0;
	aux = BPF_CORE_READ(prog, aux);
	loads = (u32)task_call_first(task, id.flags & TL_FLAG_COMPAT) == BPF_CMD_PROG_LOAD;
	derived_set(s, SECURITY_PROG_TYPE, BPF_CORE_READ(prog, type));
	derived_set(s, SECURITY_PROG_ID, BPF_CORE_READ(aux, id));
	derived_set(s, SECURITY_PROG_LOAD, loads);
	part_string(s, SECURITY_PROG_NAME, aux->name, false);
	hook_output(s);
	return 0;
}
