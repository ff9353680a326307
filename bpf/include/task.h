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
	return PEEK(upid_at(pid, level), nr);
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
	struct cgroup_subsys_state **slot = pids_slot(set), *css;

	if (!slot)
		return 0;
	css = (void *)peek_word(slot);
	return PEEK(css, cgroup, kn, id);
}

/* The name of a thread, with whatever follows its zero. */
static __always_inline void comm_fill(char *to, struct task_struct *task)
{
	if (!CAN_PEEK) {
		/* Programs on packets have no bpf_get_current_comm. */
		bpf_probe_read_kernel(to, TL_COMM, task->comm);
		return;
	}
	((u64 *)to)[0] = peek_word(task->comm);
	((u64 *)to)[1] = peek_word(task->comm + sizeof(u64));
}

/* Fills the head for the current task; time is of bpf_ktime_get_boot_ns. */
static __always_inline void head_fill_at(struct tl_head *h, struct task_struct *task, u16 kind,
					 u32 event, u64 time)
{
	struct task_struct *leader = LOAD(task, group_leader);
	struct css_set *set = LOAD(task, cgroups);
	struct cgroup_subsys_state **slot = pids_slot(set);
	struct pid *pid = LOAD(task, thread_pid);
	u32 level = LOAD(pid, level);

	h->kind = kind;
	h->flags = 0;
	h->event = event;
	h->time = time;
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
		h->ns_pid = h->pid == h->tid ? h->ns_tid : pid_at(PEEK(leader, thread_pid), level);
	} else {
		h->ns_tid = h->tid;
		h->ns_pid = h->pid;
	}
	comm_fill(h->comm, task);
}

static __always_inline void head_fill(struct tl_head *h, struct task_struct *task, u16 kind,
				      u32 event)
{
	head_fill_at(h, task, kind, event, bpf_ktime_get_boot_ns());
}

static __always_inline void process_cred(struct tl_process *p, const struct cred *cred)
{
	p->uid = PEEK(cred, uid.val);
	p->gid = PEEK(cred, gid.val);
	p->suid = PEEK(cred, suid.val);
	p->sgid = PEEK(cred, sgid.val);
	p->euid = PEEK(cred, euid.val);
	p->egid = PEEK(cred, egid.val);
	p->fsuid = PEEK(cred, fsuid.val);
	p->fsgid = PEEK(cred, fsgid.val);
	p->securebits = PEEK(cred, securebits);
	p->cap_inheritable = capabilities(&cred->cap_inheritable);
	p->cap_permitted = capabilities(&cred->cap_permitted);
	p->cap_effective = capabilities(&cred->cap_effective);
	p->cap_bounding = capabilities(&cred->cap_bset);
	p->cap_ambient = capabilities(&cred->cap_ambient);
	p->ns_user = PEEK(cred, user_ns, ns.inum);
}

static __always_inline void process_ids(struct tl_process *p, struct task_struct *task)
{
	struct task_struct *leader = PEEK(task, group_leader);
	struct task_struct *parent = PEEK(task, real_parent);
	struct signal_struct *signal = PEEK(task, signal);
	struct pid *pid = PEEK(leader, thread_pid);
	struct pid *session = PEEK(signal, pids[PIDTYPE_SID]);
	struct pid *group = PEEK(signal, pids[PIDTYPE_PGID]);
	struct tty_struct *tty = PEEK(signal, tty);
	u32 level = PEEK(pid, level);

	p->pid = PEEK(task, tgid);
	p->ppid = PEEK(parent, tgid);
	p->start_time = PEEK(leader, start_boottime);
	p->parent_start_time = PEEK(parent, group_leader, start_boottime);
	p->ns_pid = pid_at(pid, level);
	/* Of a parent outside the namespace the process itself sees 0. */
	parent = PEEK(parent, group_leader);
	p->ns_ppid =
	    PEEK(parent, thread_pid, level) < level ? 0 : pid_at(PEEK(parent, thread_pid), level);
	p->ns_pidns = PEEK(upid_at(pid, level), ns, ns.inum);
	p->sid = pid_at(session, 0);
	p->pgid = pid_at(group, 0);
	p->ns_sid = PEEK(session, level) < level ? 0 : pid_at(session, level);
	p->ns_pgid = PEEK(group, level) < level ? 0 : pid_at(group, level);
	p->tty = 0;
	if (tty) {
		u32 major = PEEK(tty, driver, major);
		u32 minor = PEEK(tty, driver, minor_start) + PEEK(tty, index);

		/* As in /proc/PID/stat. */
		p->tty = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
	}
}

static __always_inline void process_namespaces(struct tl_process *p, struct nsproxy *ns)
{
	p->ns_mnt = PEEK(ns, mnt_ns, ns.inum);
	p->ns_net = PEEK(ns, net_ns, ns.inum);
	p->ns_uts = PEEK(ns, uts_ns, ns.inum);
	p->ns_ipc = PEEK(ns, ipc_ns, ns.inum);
	p->ns_cgroup = PEEK(ns, cgroup_ns, ns.inum);
	p->ns_time = PEEK(ns, time_ns, ns.inum);
}

static __always_inline void process_exe(struct tl_process *p, struct file *file)
{
	struct inode *inode = PEEK(file, f_inode);
	struct super_block *sb = PEEK(inode, i_sb);
	u64 magic = PEEK(sb, s_magic);
	u32 flags = 0;

	p->exe_inode = PEEK(inode, i_ino);
	p->exe_ctime = inode_ctime(inode);
	p->exe_mtime = inode_mtime(inode);
	p->exe_device = PEEK(sb, s_dev);
	p->exe_mode = PEEK(inode, i_mode);
	p->exe_uid = PEEK(inode, i_uid.val);
	p->exe_gid = PEEK(inode, i_gid.val);
	p->exe_nlink = PEEK(inode, i_nlink);
	if (magic == OVERLAYFS_MAGIC)
		flags |= overlay_upper(inode) ? TL_EXE_UPPER : TL_EXE_LOWER;
	if (magic == TMPFS_MAGIC && p->exe_nlink == 0) {
		char name[8] = {};

		bpf_probe_read_kernel_str(name, sizeof(name),
					  PEEK(file, f_path.dentry, d_name.name));
		if (name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' &&
		    name[4] == 'd' && name[5] == ':')
			flags |= TL_EXE_MEMFD;
	}
	if (PEEK(sb, s_flags) & SB_RDONLY || PEEK(file, f_path.mnt, mnt_flags) & MNT_READONLY)
		flags |= TL_EXE_READONLY;
	p->exe_flags = flags;
}

static __always_inline u32 stdin_mode(struct task_struct *task)
{
	struct fdtable *table = PEEK(task, files, fdt);
	struct file **files = PEEK(table, fd), *file;

	if (!files || !PEEK(table, max_fds))
		return 0;
	file = (void *)peek_word(files);
	return PEEK(file, f_inode, i_mode);
}

/* The scalars. Zero for what the task no longer has (its memory after exit). */
static __always_inline void process_fill(struct tl_process *p, struct task_struct *task)
{
	struct css_set *set = PEEK(task, cgroups);
	struct mm_struct *mm = PEEK(task, mm);
	struct file *exe = PEEK(mm, exe_file);

	__builtin_memset(p, 0, sizeof(*p));
	process_ids(p, task);
	process_cred(p, PEEK(task, cred));
	process_namespaces(p, PEEK(task, nsproxy));
	if (exe)
		process_exe(p, exe);
	p->cgroup_id = PEEK(set, dfl_cgrp, kn, id);
	p->cgroup_v1_id = pids_cgroup(set);
	p->login_uid = -1;
	if (bpf_core_field_exists(task->loginuid))
		p->login_uid = PEEK(task, loginuid.val);
	p->audit_session = -1;
	if (bpf_core_field_exists(task->sessionid))
		p->audit_session = PEEK(task, sessionid);
	p->stdin_mode = stdin_mode(task);
	p->flags = PEEK(task, flags) & PF_KTHREAD ? TL_PROCESS_KTHREAD : 0;
	if (PEEK(task, real_parent, flags) & PF_KTHREAD)
		p->flags |= TL_PROCESS_FROM_KERNEL;
	comm_fill(p->comm, task);
}

/* The paths that the kernel knows: executable and working directory. */
static __always_inline void process_paths(struct scratch *s, struct task_struct *task)
{
	struct file *exe = PEEK(task, mm, exe_file);
	struct fs_struct *fs = PEEK(task, fs);

	if (exe)
		part_path(s, TL_PART_EXE, &exe->f_path);
	if (fs)
		part_path(s, TL_PART_CWD, &fs->pwd);
}

/* The command line, from the current task's memory. */
static __always_inline void process_args(struct scratch *s, struct mm_struct *mm)
{
	u64 start = PEEK(mm, arg_start), end = PEEK(mm, arg_end);

	if (start && end > start)
		part_memory(s, TL_PART_ARGV, (void *)start, end - start, TL_LIST_MAX);
}

static __always_inline void process_env(struct scratch *s, struct mm_struct *mm)
{
	u64 start = PEEK(mm, env_start), end = PEEK(mm, env_end);

	if (start && end > start)
		part_memory(s, TL_PART_ENV, (void *)start, end - start, TL_LIST_MAX);
}

#endif
