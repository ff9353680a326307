/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Names of files that come and go. When the call has succeeded nothing in the
 * kernel leads to the name any more, so the words are the caller's, with the
 * kernel's path of the directory that they are relative to. Which file it was
 * is the kernel's word where it says when a file's ctime changes (6.13): that
 * happens in the middle of the call.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

enum {
	UNLINK_PATHNAME = 0,
	UNLINK_INODE,
	UNLINK_DEV,

	RMDIR_PATHNAME = 0,
	RMDIR_INODE,
	RMDIR_DEV,

	RENAME_OLD = 0,
	RENAME_NEW,

	LINK_OLD = 0,
	LINK_NEW,
	LINK_INODE,
	LINK_DEV,

	SYMLINK_PATH = 0,
	SYMLINK_TARGET,

	MKNOD_NAME = 0,
	MKNOD_MODE,
	MKNOD_DEV,

	MKDIR_PATHNAME = 0,
	MKDIR_MODE,
};

/* Catalogue ids. */
enum {
	CALL_RENAME = 82,
	CALL_MKDIR = 83,
	CALL_RMDIR = 84,
	CALL_LINK = 86,
	CALL_UNLINK = 87,
	CALL_SYMLINK = 88,
	CALL_MKNOD = 133,
	CALL_MKDIRAT = 258,
	CALL_MKNODAT = 259,
	CALL_UNLINKAT = 263,
	CALL_RENAMEAT = 264,
	CALL_LINKAT = 265,
	CALL_SYMLINKAT = 266,
	CALL_RENAMEAT2 = 316,
};

enum { AT_REMOVEDIR = 0x200 };

/* The words of a pending call. */
enum { NAME_INODE, NAME_DEV };

/*
 * A call that takes a name from a file or gives it another changes the file's
 * ctime, and that of the directories.
 */
static __always_inline int name_changed(struct inode *inode)
{
	struct task_struct *task = current_task();
	struct pending p = {};
	u64 key = (u64)task;
	struct call_id id;

	if ((PEEK(inode, i_mode) & S_IFMT) == S_IFDIR ||
	    !call_is_hooked(task_call_number(task), task, &id))
		return 0;
	switch (id.event) {
	case CALL_UNLINK:
	case CALL_UNLINKAT:
	case CALL_LINK:
	case CALL_LINKAT:
		break;
	default:
		return 0;
	}
	if (is_out_midway(task))
		return 0;
	p.words[NAME_INODE] = PEEK(inode, i_ino);
	p.words[NAME_DEV] = PEEK(inode, i_sb, s_dev);
	bpf_map_update_elem(&pendings, &key, &p, BPF_ANY);
	return 0;
}

SEC("tp_btf/ctime_ns_xchg")
int BPF_PROG(on_ctime, struct inode *inode)
{
	return name_changed(inode);
}

SEC("tp_btf/ctime_xchg_skip")
int BPF_PROG(on_ctime_skip, struct inode *inode)
{
	return name_changed(inode);
}

/* The arguments of a call, whichever of its forms it has. */
struct names {
	u32 event;
	s32 dir, new_dir;
	u64 name, new_name;
	u64 mode, device;
};

/* In map memory, so that the verifier need not follow each form to the end. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct names);
} names_memory SEC(".maps");

static __always_inline void names_fill(struct names *n, const struct hook *h)
{
	const u64 *a = h->args;

	n->dir = n->new_dir = AT_FDCWD;
	switch (h->id.event) {
	case CALL_UNLINK:
		n->event = TL_EVENT_INODE_UNLINK;
		n->name = a[0];
		break;
	case CALL_UNLINKAT:
		n->event = a[2] & AT_REMOVEDIR ? TL_EVENT_INODE_RMDIR : TL_EVENT_INODE_UNLINK;
		n->dir = a[0];
		n->name = a[1];
		break;
	case CALL_RMDIR:
		n->event = TL_EVENT_INODE_RMDIR;
		n->name = a[0];
		break;
	case CALL_RENAME:
		n->event = TL_EVENT_INODE_RENAME;
		n->name = a[0];
		n->new_name = a[1];
		break;
	case CALL_RENAMEAT:
	case CALL_RENAMEAT2:
		n->event = TL_EVENT_INODE_RENAME;
		n->dir = a[0];
		n->name = a[1];
		n->new_dir = a[2];
		n->new_name = a[3];
		break;
	case CALL_LINK:
		n->event = TL_EVENT_INODE_LINK;
		n->name = a[0];
		n->new_name = a[1];
		break;
	case CALL_LINKAT:
		n->event = TL_EVENT_INODE_LINK;
		n->dir = a[0];
		n->name = a[1];
		n->new_dir = a[2];
		n->new_name = a[3];
		break;
	case CALL_SYMLINK:
		n->event = TL_EVENT_INODE_SYMLINK;
		n->name = a[1];
		n->new_name = a[0];
		break;
	case CALL_SYMLINKAT:
		n->event = TL_EVENT_INODE_SYMLINK;
		n->dir = a[1];
		n->name = a[2];
		n->new_name = a[0];
		break;
	case CALL_MKNOD:
		n->event = TL_EVENT_INODE_MKNOD;
		n->name = a[0];
		n->mode = a[1];
		n->device = a[2];
		break;
	case CALL_MKNODAT:
		n->event = TL_EVENT_INODE_MKNOD;
		n->dir = a[0];
		n->name = a[1];
		n->mode = a[2];
		n->device = a[3];
		break;
	case CALL_MKDIR:
		n->event = TL_EVENT_INODE_MKDIR;
		n->name = a[0];
		n->mode = a[1];
		break;
	case CALL_MKDIRAT:
		n->event = TL_EVENT_INODE_MKDIR;
		n->dir = a[0];
		n->name = a[1];
		n->mode = a[2];
		break;
	}
}

/* A device number as programs write it, in the kernel's form. */
static __always_inline u32 device_number(u32 device)
{
	u32 major = device >> 8 & 0xfff, minor = (device & 0xff) | (device >> 12 & 0xfff00);

	return major << 20 | minor;
}

/* Takes what was seen in the middle of the call. */
static __always_inline void name_seen(struct pending *seen, struct task_struct *task)
{
	u64 key = (u64)task;
	struct pending *p = bpf_map_lookup_elem(&pendings, &key);

	if (!p)
		return;
	seen->words[NAME_INODE] = p->words[NAME_INODE];
	seen->words[NAME_DEV] = p->words[NAME_DEV];
	bpf_map_delete_elem(&pendings, &key);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_name, struct pt_regs *regs, long ret)
{
	struct pending seen = {};
	struct scratch *s;
	struct saved *r;
	struct names *n;
	struct hook h;
	u32 zero = 0;

	n = bpf_map_lookup_elem(&names_memory, &zero);
	if (!n)
		return 0;
	__builtin_memset(n, 0, sizeof(*n));
	hook_fill(&h, regs, ret);
	names_fill(n, &h);
	if (n->event == TL_EVENT_INODE_UNLINK || n->event == TL_EVENT_INODE_LINK)
		name_seen(&seen, h.task);
	if (ret || !event_wanted(n->event)) {
		held_forget(h.task);
		return 0;
	}
	r = held_record(&h, n->event);
	if (r) {
		/* As the caller has it: the hook is given the mode less the umask. */
		if (n->event == TL_EVENT_INODE_MKNOD || n->event == TL_EVENT_INODE_MKDIR)
			held_set(r, MKNOD_MODE, n->mode);
		held_output(r, &h);
		return 0;
	}
	s = hook_begin(&h, n->event);
	if (!s)
		return 0;
	switch (n->event) {
	case TL_EVENT_INODE_UNLINK:
		if (seen.words[NAME_INODE]) {
			derived_set(s, UNLINK_INODE, seen.words[NAME_INODE]);
			derived_set(s, UNLINK_DEV, seen.words[NAME_DEV]);
		}
		break;
	case TL_EVENT_INODE_LINK:
		if (seen.words[NAME_INODE]) {
			derived_set(s, LINK_INODE, seen.words[NAME_INODE]);
			derived_set(s, LINK_DEV, seen.words[NAME_DEV]);
		}
		break;
	case TL_EVENT_INODE_MKNOD:
		derived_set(s, MKNOD_MODE, n->mode);
		derived_set(s, MKNOD_DEV, device_number(n->device));
		break;
	case TL_EVENT_INODE_MKDIR:
		derived_set(s, MKDIR_MODE, n->mode);
		break;
	}
	part_place(s, 0, h.task, n->dir, (void *)n->name);
	if (n->event == TL_EVENT_INODE_SYMLINK)
		part_string(s, SYMLINK_TARGET, (void *)n->new_name, true);
	else if (n->new_name)
		part_place(s, 1, h.task, n->new_dir, (void *)n->new_name);
	derived_output(s);
	return 0;
}
