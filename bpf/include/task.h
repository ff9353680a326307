/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 3: who did it. head_fill is on the path of every record and reads
 * directly; process_fill and process_parts run at fork, exec and exit only and
 * read any task.
 */
#ifndef TRIPLINE_TASK_H
#define TRIPLINE_TASK_H

#include "drift.h"
#include "maps.h"
#include "parts.h"
#include "path.h"

/* What a pid is called at a level of the nested pid namespaces; 0 is the host. */
static __always_inline struct upid *upid_at(struct pid *pid, u32 level)
{
	u64 at = level * bpf_core_type_size(struct upid);

	/* Up to 6.1 the verifier knows no bound of a product. */
	opaque(at);
	return (void *)pid + bpf_core_field_offset(struct pid, numbers) + (at & 1023);
}

static __always_inline u32 pid_at(struct pid *pid, u32 level)
{
	return BPF_CORE_READ(upid_at(pid, level), nr);
}

/* Where a css_set points to the pids controller; null where there is no such controller. */
static __always_inline struct cgroup_subsys_state **pids_slot(struct css_set *set)
{
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
		return 0;
	return (void *)set + bpf_core_field_offset(struct css_set, subsys) +
	       bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id) * sizeof(void *);
}

/* The cgroup of the v1 pids controller; without v1 it is the default one's. */
static __always_inline u64 pids_cgroup(struct css_set *set)
{
	struct cgroup_subsys_state **slot = pids_slot(set), *css = 0;

	if (!slot)
		return 0;
	bpf_probe_read_kernel(&css, sizeof(css), slot);
	return BPF_CORE_READ(css, cgroup, kn, id);
}

/* Fills the head for the current task. */
static __always_inline void head_fill(struct tl_head *h, struct task_struct *task, u16 kind,
				      u32 event)
{
	struct task_struct *leader = LOAD(task, group_leader);
	struct css_set *set = LOAD(task, cgroups);
	struct cgroup_subsys_state **slot = pids_slot(set);
	struct pid *pid = LOAD(task, thread_pid);
	u32 level = LOAD(pid, level);

	h->kind = kind;
	h->flags = 0;
	h->event = event;
	h->time = bpf_ktime_get_boot_ns();
	h->start_time = LOAD(leader, start_boottime);
	h->cgroup_id = LOAD(LOAD(LOAD(set, dfl_cgrp), kn), id);
	h->cgroup_v1_id = HAVE_HELPER(get_current_task_btf) ? (slot ? (*slot)->cgroup->kn->id : 0)
							    : pids_cgroup(set);
	h->pid = LOAD(task, tgid);
	h->tid = LOAD(task, pid);
	h->ppid = LOAD(LOAD(task, real_parent), tgid);
	h->cpu = bpf_get_smp_processor_id();
	if (level) {
		h->ns_tid = pid_at(pid, level);
		h->ns_pid =
		    h->pid == h->tid ? h->ns_tid : pid_at(BPF_CORE_READ(leader, thread_pid), level);
	} else {
		h->ns_tid = h->tid;
		h->ns_pid = h->pid;
	}
	/* Programs on packets have no bpf_get_current_comm. */
	bpf_probe_read_kernel(h->comm, sizeof(h->comm), task->comm);
}

static __always_inline void process_cred(struct tl_process *p, const struct cred *cred)
{
	p->uid = BPF_CORE_READ(cred, uid.val);
	p->gid = BPF_CORE_READ(cred, gid.val);
	p->suid = BPF_CORE_READ(cred, suid.val);
	p->sgid = BPF_CORE_READ(cred, sgid.val);
	p->euid = BPF_CORE_READ(cred, euid.val);
	p->egid = BPF_CORE_READ(cred, egid.val);
	p->fsuid = BPF_CORE_READ(cred, fsuid.val);
	p->fsgid = BPF_CORE_READ(cred, fsgid.val);
	p->securebits = BPF_CORE_READ(cred, securebits);
	p->cap_inheritable = capabilities(&cred->cap_inheritable);
	p->cap_permitted = capabilities(&cred->cap_permitted);
	p->cap_effective = capabilities(&cred->cap_effective);
	p->cap_bounding = capabilities(&cred->cap_bset);
	p->cap_ambient = capabilities(&cred->cap_ambient);
	p->ns_user = BPF_CORE_READ(cred, user_ns, ns.inum);
}

static __always_inline void process_ids(struct tl_process *p, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);
	struct pid *session = BPF_CORE_READ(signal, pids[PIDTYPE_SID]);
	struct pid *group = BPF_CORE_READ(signal, pids[PIDTYPE_PGID]);
	struct tty_struct *tty = BPF_CORE_READ(signal, tty);
	u32 level = BPF_CORE_READ(pid, level);

	p->pid = BPF_CORE_READ(task, tgid);
	p->ppid = BPF_CORE_READ(parent, tgid);
	p->start_time = BPF_CORE_READ(leader, start_boottime);
	p->parent_start_time = BPF_CORE_READ(parent, group_leader, start_boottime);
	p->ns_pid = pid_at(pid, level);
	/* Of a parent outside the namespace the process itself sees 0. */
	parent = BPF_CORE_READ(parent, group_leader);
	p->ns_ppid = BPF_CORE_READ(parent, thread_pid, level) < level
			 ? 0
			 : pid_at(BPF_CORE_READ(parent, thread_pid), level);
	p->ns_pidns = BPF_CORE_READ(upid_at(pid, level), ns, ns.inum);
	p->sid = pid_at(session, 0);
	p->pgid = pid_at(group, 0);
	p->ns_sid = BPF_CORE_READ(session, level) < level ? 0 : pid_at(session, level);
	p->ns_pgid = BPF_CORE_READ(group, level) < level ? 0 : pid_at(group, level);
	p->tty = 0;
	if (tty) {
		u32 major = BPF_CORE_READ(tty, driver, major);
		u32 minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);

		/* As in /proc/PID/stat. */
		p->tty = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
	}
}

static __always_inline void process_namespaces(struct tl_process *p, struct nsproxy *ns)
{
	p->ns_mnt = BPF_CORE_READ(ns, mnt_ns, ns.inum);
	p->ns_net = BPF_CORE_READ(ns, net_ns, ns.inum);
	p->ns_uts = BPF_CORE_READ(ns, uts_ns, ns.inum);
	p->ns_ipc = BPF_CORE_READ(ns, ipc_ns, ns.inum);
	p->ns_cgroup = BPF_CORE_READ(ns, cgroup_ns, ns.inum);
	p->ns_time = BPF_CORE_READ(ns, time_ns, ns.inum);
}

static __always_inline void process_exe(struct tl_process *p, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct super_block *sb = BPF_CORE_READ(inode, i_sb);
	u64 magic = BPF_CORE_READ(sb, s_magic);
	u32 flags = 0;

	p->exe_inode = BPF_CORE_READ(inode, i_ino);
	p->exe_ctime = inode_ctime(inode);
	p->exe_mtime = inode_mtime(inode);
	p->exe_device = BPF_CORE_READ(sb, s_dev);
	p->exe_mode = BPF_CORE_READ(inode, i_mode);
	p->exe_uid = BPF_CORE_READ(inode, i_uid.val);
	p->exe_gid = BPF_CORE_READ(inode, i_gid.val);
	p->exe_nlink = BPF_CORE_READ(inode, i_nlink);
	if (magic == OVERLAYFS_MAGIC)
		flags |= overlay_upper(inode) ? TL_EXE_UPPER : TL_EXE_LOWER;
	if (magic == TMPFS_MAGIC && p->exe_nlink == 0) {
		char name[8] = {};

		bpf_probe_read_kernel_str(name, sizeof(name),
					  BPF_CORE_READ(file, f_path.dentry, d_name.name));
		if (name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' &&
		    name[4] == 'd' && name[5] == ':')
			flags |= TL_EXE_MEMFD;
	}
	if (BPF_CORE_READ(sb, s_flags) & SB_RDONLY ||
	    BPF_CORE_READ(file, f_path.mnt, mnt_flags) & MNT_READONLY)
		flags |= TL_EXE_READONLY;
	p->exe_flags = flags;
}

static __always_inline u32 stdin_mode(struct task_struct *task)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = 0;

	if (!files || !BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), files);
	return BPF_CORE_READ(file, f_inode, i_mode);
}

/* The scalars: 1 to 2 µs. Zero for what the task no longer has (its memory after exit). */
static __always_inline void process_fill(struct tl_process *p, struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	struct file *exe = BPF_CORE_READ(mm, exe_file);

	__builtin_memset(p, 0, sizeof(*p));
	process_ids(p, task);
	process_cred(p, BPF_CORE_READ(task, cred));
	process_namespaces(p, BPF_CORE_READ(task, nsproxy));
	if (exe)
		process_exe(p, exe);
	p->cgroup_id = BPF_CORE_READ(set, dfl_cgrp, kn, id);
	p->cgroup_v1_id = pids_cgroup(set);
	p->login_uid = -1;
	if (bpf_core_field_exists(task->loginuid))
		p->login_uid = BPF_CORE_READ(task, loginuid.val);
	p->audit_session = -1;
	if (bpf_core_field_exists(task->sessionid))
		p->audit_session = BPF_CORE_READ(task, sessionid);
	p->stdin_mode = stdin_mode(task);
	p->flags = BPF_CORE_READ(task, flags) & PF_KTHREAD ? TL_PROCESS_KTHREAD : 0;
	if (BPF_CORE_READ(task, real_parent, flags) & PF_KTHREAD)
		p->flags |= TL_PROCESS_FROM_KERNEL;
	bpf_core_read_str(p->comm, sizeof(p->comm), &task->comm);
}

/* The paths that the kernel knows: executable and working directory. */
static __always_inline void process_paths(struct scratch *s, struct task_struct *task)
{
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	struct fs_struct *fs = BPF_CORE_READ(task, fs);

	if (exe)
		part_path(s, TL_PART_EXE, &exe->f_path);
	if (fs)
		part_path(s, TL_PART_CWD, &fs->pwd);
}

/* The command line, from the current task's memory. */
static __always_inline void process_args(struct scratch *s, struct mm_struct *mm)
{
	u64 start = BPF_CORE_READ(mm, arg_start), end = BPF_CORE_READ(mm, arg_end);

	if (start && end > start)
		part_memory(s, TL_PART_ARGV, (void *)start, end - start, TL_LIST_MAX);
}

static __always_inline void process_env(struct scratch *s, struct mm_struct *mm)
{
	u64 start = BPF_CORE_READ(mm, env_start), end = BPF_CORE_READ(mm, env_end);

	if (start && end > start)
		part_memory(s, TL_PART_ENV, (void *)start, end - start, TL_LIST_MAX);
}

#endif
