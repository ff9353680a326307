/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Memory that is writable and executable, or becomes executable. What the
 * protection was before is known until the call changes it only; that is noted
 * where the change is of interest, and told when the call has succeeded.
 */
#include "include/kernel_hook.h"
#include <bpf/bpf_tracing.h>

enum {
	MEM_ALERT = 0,
	MEM_ADDR,
	MEM_LEN,
	MEM_PROT,
	MEM_PREV_PROT,
	MEM_PATHNAME,
	MEM_DEV,
	MEM_INODE,
	MEM_CTIME,

	/* The values of the first argument, the gravest last. */
	ALERT_MMAP_W_X = 1,
	ALERT_X_ADDED = 2,
	ALERT_W_ADDED = 3,
	ALERT_W_REMOVED = 4,

	CALL_MMAP = 9,
	CALL_MPROTECT = 10,
	CALL_PKEY_MPROTECT = 329,
	CALL_MMAP2 = 659,

	/* The bits of mmap's prot and of an area's flags are the same. */
	PROT_W = 2,
	PROT_X = 4,
	PROT_WX = PROT_W | PROT_X,
	PROT_ALL = 7,

	/* Areas of one mprotect that are looked at. */
	MEM_AREAS = 8,
};

struct area {
	u64 end;
	u64 flags;
	struct file *file;
};

/* The areas of a process until 6.0: a tree (gone with 524e00b36e8c). */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct rb_node {
	struct rb_node *rb_right, *rb_left;
};
struct rb_root {
	struct rb_node *rb_node;
};
struct mm_struct___tree {
	struct rb_root mm_rb;
};
struct vm_area_struct___tree {
	struct rb_node vm_rb;
};
#pragma clang attribute pop

/* How deep a tree of 65530 areas, the most that a process may have, can be. */
enum { TREE_DEPTH = 33 };

static long area_look(struct task_struct *task, struct vm_area_struct *vma, struct area *a)
{
	a->end = PEEK(vma, vm_end);
	a->flags = PEEK(vma, vm_flags);
	a->file = PEEK(vma, vm_file);
	return 0;
}

static __always_inline bool area_find(struct task_struct *task, u64 addr, struct area *a)
{
	return !bpf_find_vma(task, addr, area_look, a, 0);
}

/*
 * As area_find, where there is no such helper. Nothing holds the tree still, but
 * what changes it is another thread of the process.
 */
static __always_inline bool area_find_tree(struct task_struct *task, u64 addr, struct area *a)
{
	struct mm_struct___tree *mm = (void *)LOAD(task, mm);
	struct rb_node *node = PEEK(mm, mm_rb.rb_node);

	for (int i = 0; i < TREE_DEPTH && node; i++) {
		struct vm_area_struct *vma =
		    (void *)node - bpf_core_field_offset(struct vm_area_struct___tree, vm_rb);

		if (addr >= PEEK(vma, vm_end)) {
			node = PEEK(node, rb_right);
		} else if (addr < PEEK(vma, vm_start)) {
			node = PEEK(node, rb_left);
		} else {
			area_look(task, vma, a);
			return true;
		}
	}
	return false;
}

typedef bool (*area_finder)(struct task_struct *task, u64 addr, struct area *a);

static __always_inline u32 protection_alert(u32 before, u32 after)
{
	if ((before & PROT_WX) == PROT_WX && (after & PROT_WX) == PROT_X)
		return ALERT_W_REMOVED;
	if ((before & PROT_WX) == PROT_X && (after & PROT_WX) == PROT_WX)
		return ALERT_W_ADDED;
	if (!(before & PROT_X) && after & PROT_X)
		return ALERT_X_ADDED;
	return 0;
}

static __always_inline int memory_begins(struct pt_regs *regs, area_finder find)
{
	struct pending p = {};
	u64 at, end, key;
	u32 after, alert;
	struct hook h;

	if (!event_wanted(TL_EVENT_MEM_PROT_ALERT))
		return 0;
	h.task = current_task();
	if (!call_is_hooked(call_number(regs), h.task, &h.id) ||
	    (h.id.event != CALL_MPROTECT && h.id.event != CALL_PKEY_MPROTECT) ||
	    is_out_midway(h.task))
		return 0;
	hook_fill(&h, regs, 0);
	after = h.args[2];
	if (!(after & PROT_X))
		return 0;
	at = h.args[0];
	end = at + h.args[1];
	for (int i = 0; i < MEM_AREAS && at < end; i++) {
		struct area a = {};

		if (!find(h.task, at, &a))
			break;
		alert = protection_alert(a.flags, after);
		if (alert > p.words[0]) {
			p.words[0] = alert;
			p.words[1] = a.flags & PROT_ALL;
		}
		at = a.end;
	}
	if (!p.words[0])
		return 0;
	key = (u64)h.task;
	bpf_map_update_elem(&pendings, &key, &p, BPF_ANY);
	return 0;
}

static __always_inline int memory_ends(struct pt_regs *regs, long ret, area_finder find)
{
	u64 addr, alert = ALERT_MMAP_W_X, before = 0;
	struct area a = {};
	struct scratch *s;
	struct file *file;
	struct hook h;

	if (!event_wanted(TL_EVENT_MEM_PROT_ALERT))
		return 0;
	hook_fill(&h, regs, ret);
	addr = h.args[0];
	if (h.id.event == CALL_MMAP || h.id.event == CALL_MMAP2) {
		if ((h.args[2] & PROT_WX) != PROT_WX)
			return 0;
		addr = ret;
	} else {
		u64 key = (u64)h.task;
		struct pending *p = bpf_map_lookup_elem(&pendings, &key);

		if (!p)
			return 0;
		alert = p->words[0];
		before = p->words[1];
		bpf_map_delete_elem(&pendings, &key);
	}
	if (ret < 0 && ret >= -4095)
		return 0;
	s = hook_begin(&h, TL_EVENT_MEM_PROT_ALERT);
	if (!s)
		return 0;
	derived_set(s, MEM_ALERT, alert);
	derived_set(s, MEM_ADDR, addr);
	derived_set(s, MEM_LEN, h.args[1]);
	derived_set(s, MEM_PROT, h.args[2]);
	derived_set(s, MEM_PREV_PROT, before);
	find(h.task, addr, &a);
	file = a.file;
	if (file) {
		struct inode *inode = PEEK(file, f_inode);

		derived_set(s, MEM_DEV, PEEK(inode, i_sb, s_dev));
		derived_set(s, MEM_INODE, PEEK(inode, i_ino));
		derived_set(s, MEM_CTIME, inode_ctime(inode));
		part_path(s, MEM_PATHNAME, &file->f_path);
	}
	derived_output(s);
	return 0;
}

/*
 * mprotect and pkey_mprotect are about to lock the areas. Only where page faults
 * do not lock them all (6.4), or this would be passed too often, and where the
 * tracepoint has these two arguments (6.14).
 */
SEC("tp_btf/mmap_lock_start_locking")
int BPF_PROG(on_mmap_lock, struct mm_struct *mm, bool write)
{
	struct task_struct *task;

	if (!write)
		return 0;
	task = current_task();
	if (LOAD(task, mm) != mm)
		return 0;
	return memory_begins((void *)bpf_task_pt_regs(task), area_find);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_mprotect, struct pt_regs *regs)
{
	return memory_begins(regs, area_find);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_memory, struct pt_regs *regs, long ret)
{
	return memory_ends(regs, ret, area_find);
}

/* Programs of their own: a kernel without the helper does not take its callback. */
SEC("tp_btf/sys_enter")
int BPF_PROG(on_mprotect_tree, struct pt_regs *regs)
{
	return memory_begins(regs, area_find_tree);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_memory_tree, struct pt_regs *regs, long ret)
{
	return memory_ends(regs, ret, area_find_tree);
}

/*
 * As memory_begins, by the kernel's hook, which is asked of each area before it is
 * changed. Arguments: area, protection that was asked for, that which it will be.
 */
ON_HOOK(file_mprotect)
{
	struct vm_area_struct *vma = (void *)given[0];
	struct task_struct *task = current_task();
	struct pending first = {}, *p;
	u64 key = (u64)task;
	struct call_id id;
	u32 before, alert;

	if (!event_wanted(TL_EVENT_MEM_PROT_ALERT) || !(given[1] & PROT_X) ||
	    hook_when(task, TL_HOOK_MEMORY, &id) != HOOK_LATER)
		return 0;
	before = BPF_CORE_READ(vma, vm_flags);
	alert = protection_alert(before, given[1]);
	if (!alert)
		return 0;
	p = bpf_map_lookup_elem(&pendings, &key);
	if (!p) {
		bpf_map_update_elem(&pendings, &key, &first, BPF_ANY);
		p = bpf_map_lookup_elem(&pendings, &key);
	}
	if (p && alert > p->words[0]) {
		p->words[0] = alert;
		p->words[1] = before & PROT_ALL;
	}
	return 0;
}
