/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 4: who is looked at. The sensor fills the tables before anything is
 * attached (see sensor/ebpf/scope.go for the language); here they are tested,
 * and kept up to date with the cgroups and processes that come and go.
 *
 * A condition is on one property. Its values are in scope_values, each for it,
 * against it or both; conditions on cgroups and on what a process inherited or
 * executes are decided when that changes, and only looked up afterwards.
 */
#ifndef TRIPLINE_SCOPE_H
#define TRIPLINE_SCOPE_H

#include "path.h"
#include "task.h"

enum {
	SCOPE_YES = 1,
	SCOPE_NO = 2,

	SCOPE_TASKS = 65536,
	SCOPE_PATH = 512,      /* of a cgroup's path this much is looked at */
	CONTAINER_DIGITS = 64, /* of a container's id */
};

struct scope_key {
	u32 kind;
	u32 pad;
	u64 value[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct scope_key);
	__type(value, u8);
} scope_values SEC(".maps");

/* Executables by their path, filled up with zeros. */
struct scope_path {
	char text[TL_SCOPE_PATH_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct scope_path);
	__type(value, u8);
} scope_paths SEC(".maps");

/* What is known of processes, enum tl_scope_task, by pid. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SCOPE_TASKS);
	__type(key, u32);
	__type(value, u8);
} scope_tasks SEC(".maps");

struct scope_cgroup {
	u64 id;
	u64 hierarchy;
};

/* The cgroups of containers: enum tl_scope_container. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct scope_cgroup);
	__type(value, u8);
} scope_cgroups SEC(".maps");

/* What was not recorded because it is out of scope, by enum tl_skipped. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TL_SKIPPED);
	__type(key, u32);
	__type(value, u64);
} skipped SEC(".maps");

struct scope_work {
	struct scope_path path;
	char id[16];
	/* Where the search is: as plain numbers, so that each turn begins alike. */
	volatile u64 last; /* the last eight characters */
	volatile u32 run;  /* digits up to here */
	volatile u32 found;
	volatile u64 task;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct scope_work);
} scope_works SEC(".maps");

static __always_inline void count_skipped(u32 what)
{
	u64 *n = bpf_map_lookup_elem(&skipped, &what);

	if (n)
		++*n;
}

/* The values of a kind that speak for and against. */
static __always_inline u8 scope_value(u32 kind, u64 a, u64 b)
{
	struct scope_key key = {kind, 0, {a, b}};
	u8 *found = bpf_map_lookup_elem(&scope_values, &key);

	return found ? *found : 0;
}

static __always_inline u8 scope_task(u32 pid)
{
	u8 *found = bpf_map_lookup_elem(&scope_tasks, &pid);

	return found ? *found : 0;
}

static __always_inline u8 scope_cgroup(struct cgroup *cgroup)
{
	struct scope_cgroup key = {PEEK(cgroup, kn, id), PEEK(cgroup, root, hierarchy_id)};
	u8 *found = bpf_map_lookup_elem(&scope_cgroups, &key);

	return found ? *found : 0;
}

/* In the default hierarchy or, where the runtime uses version 1, in that of pids. */
static __always_inline u8 scope_container(struct task_struct *task)
{
	struct css_set *set = PEEK(task, cgroups);
	struct cgroup_subsys_state **slot = pids_slot(set), *css;
	u8 flags = scope_cgroup(PEEK(set, dfl_cgrp));

	if (flags || !slot)
		return flags;
	css = (void *)peek_word(slot);
	return scope_cgroup(PEEK(css, cgroup));
}

/* Whether flags of a container are those that are asked for. */
static __always_inline bool scope_is_container(u8 flags)
{
	return (flags & shared.scope.container_wanted) == shared.scope.container_wanted &&
	       !(flags & shared.scope.container_unwanted);
}

struct scope_verdict {
	bool refused; /* by a condition that says not */
	bool matched;
};

static __always_inline void scope_judge(struct scope_verdict *v, u32 kind, u8 bits)
{
	if (shared.scope.unwanted >> kind & 1 && bits & SCOPE_NO)
		v->refused = true;
	if (shared.scope.wanted >> kind & 1 && !(bits & SCOPE_YES))
		v->matched = false;
}

static __always_inline bool scope_asks(u32 kind)
{
	return (shared.scope.wanted | shared.scope.unwanted) >> kind & 1;
}

/*
 * Whether a task is in scope. It reads any task by helpers, for it may be
 * another than the current; and it is a function of its own, to be verified
 * once a program, which is why the task comes as a number.
 */
__attribute__((noinline)) int scope_decide(u64 address)
{
	struct task_struct *task = (void *)address;
	struct scope_verdict v = {false, true};
	u32 pid = PEEK(task, tgid);
	u8 known = shared.scope.tasks ? scope_task(pid) : 0;

	if (scope_asks(TL_SCOPE_PID))
		scope_judge(&v, TL_SCOPE_PID, scope_value(TL_SCOPE_PID, pid, 0));
	if (scope_asks(TL_SCOPE_UID))
		scope_judge(&v, TL_SCOPE_UID,
			    scope_value(TL_SCOPE_UID, PEEK(task, cred, uid.val), 0));
	if (scope_asks(TL_SCOPE_COMM)) {
		u64 comm[2] = {};

		bpf_probe_read_kernel_str(comm, sizeof(comm), task->comm);
		scope_judge(&v, TL_SCOPE_COMM, scope_value(TL_SCOPE_COMM, comm[0], comm[1]));
	}
	if (scope_asks(TL_SCOPE_MNTNS))
		scope_judge(&v, TL_SCOPE_MNTNS,
			    scope_value(TL_SCOPE_MNTNS, PEEK(task, nsproxy, mnt_ns, ns.inum), 0));
	if (scope_asks(TL_SCOPE_PIDNS)) {
		struct pid *number = PEEK(task, thread_pid);
		u32 level = PEEK(number, level);

		scope_judge(
		    &v, TL_SCOPE_PIDNS,
		    scope_value(TL_SCOPE_PIDNS, PEEK(upid_at(number, level), ns, ns.inum), 0));
	}
	if (scope_asks(TL_SCOPE_TREE))
		scope_judge(&v, TL_SCOPE_TREE,
			    (known & TL_TASK_TREE ? SCOPE_YES : 0) |
				(known & TL_TASK_NOT_TREE ? SCOPE_NO : 0));
	if (scope_asks(TL_SCOPE_EXE))
		scope_judge(&v, TL_SCOPE_EXE,
			    (known & TL_TASK_EXE ? SCOPE_YES : 0) |
				(known & TL_TASK_NOT_EXE ? SCOPE_NO : 0));
	if (shared.scope.since && PEEK(task, group_leader, start_boottime) < shared.scope.since)
		v.matched = false;
	if (shared.scope.containers) {
		u8 flags = scope_container(task);

		if (flags & shared.scope.container_unwanted)
			v.refused = true;
		if ((flags & shared.scope.container_wanted) != shared.scope.container_wanted)
			v.matched = false;
	}
	return !v.refused && (v.matched || known & TL_TASK_FOLLOWED);
}

static __always_inline bool scope_match(struct task_struct *task)
{
	u32 zero = 0;
	struct scope_work *w = bpf_map_lookup_elem(&scope_works, &zero);

	if (!w)
		return false;
	/* For the verifier, what is read from a map is a number. */
	w->task = (u64)task;
	return scope_decide(w->task);
}

/* Says that the current task is the sensor or another process of Tripline's. */
static __always_inline bool is_own(struct task_struct *task)
{
	if (LOAD(task, tgid) == shared.self)
		return true;
	if (shared.self_exe) {
		struct mm_struct *mm = LOAD(task, mm);
		struct file *exe = LOAD(mm, exe_file);
		const struct cred *cred = LOAD(task, cred);

		if ((u64)LOAD(exe, f_inode) == shared.self_exe &&
		    LOAD(cred, uid.val) == shared.self_uid)
			return true;
	}
	return false;
}

/*
 * Says that nothing is to be told of what the current task does: it is one of
 * Tripline's, whose calls would each cause the next, or out of scope. The task
 * must be the verifier's pointer.
 */
static __always_inline bool is_out(struct task_struct *task)
{
	if (is_own(task))
		return true;
	if (!shared.scope.on || scope_decide(bpf_get_current_task()))
		return false;
	count_skipped(TL_SKIPPED_CALLS);
	return true;
}

/* As above, in the middle of a call: it is counted when that ends. */
static __always_inline bool is_out_midway(struct task_struct *task)
{
	return is_own(task) || (shared.scope.on && !scope_decide(bpf_get_current_task()));
}

/* As above, for fork, exec and exit of a process; Tripline's own are told of. */
static __always_inline bool is_task_out(struct task_struct *task)
{
	if (!shared.scope.on || scope_match(task))
		return false;
	count_skipped(TL_SKIPPED_LIFECYCLE);
	return true;
}

/* What a child has of its parent. */
static __always_inline void scope_fork(struct task_struct *parent, struct task_struct *child)
{
	u32 pid = parent->tgid;
	u8 bits;

	if (!shared.scope.tasks)
		return;
	bits = scope_task(pid);
	if (shared.scope.follow && !(bits & TL_TASK_FOLLOWED) && scope_match(parent))
		bits |= TL_TASK_FOLLOWED;
	pid = child->tgid;
	if (bits)
		bpf_map_update_elem(&scope_tasks, &pid, &bits, BPF_ANY);
}

/* Which of the named executables a process is now. */
static __always_inline void scope_exec(struct task_struct *task)
{
	u32 zero = 0, pid = task->tgid, start, n;
	struct scope_work *w = bpf_map_lookup_elem(&scope_works, &zero);
	struct path_buffer *b = path_buffer();
	u8 bits, before, *found;
	struct file *exe;

	if (!scope_asks(TL_SCOPE_EXE) || !w || !b)
		return;
	before = scope_task(pid);
	bits = before & ~(TL_TASK_EXE | TL_TASK_NOT_EXE);
	exe = PEEK(task, mm, exe_file);
	path_walk(PATH_TRACEPOINT, b, PEEK(exe, f_path.dentry), PEEK(exe, f_path.mnt));
	b->walked_dentry = 0;
	start = b->start;
	opaque(start);
	if (start >= PATH_END)
		return;
	n = PATH_END - start;
	opaque(n);
	__builtin_memset(&w->path, 0, sizeof(w->path));
	if (n < sizeof(w->path) && !bpf_probe_read_kernel(w->path.text, n, b->text + start)) {
		found = bpf_map_lookup_elem(&scope_paths, &w->path);
		if (found)
			bits |= *found;
	}
	if (bits != before)
		bpf_map_update_elem(&scope_tasks, &pid, &bits, BPF_ANY);
}

static __always_inline void scope_exit(struct task_struct *task)
{
	u32 pid = task->tgid;

	if (shared.scope.tasks)
		bpf_map_delete_elem(&scope_tasks, &pid);
}

/* "/lxc.p" and "/lxc/" as the last characters of a path: what follows is LXC's. */
#define LXC_PAYLOAD 0x2f6c78632e70ull
#define LXC_PLAIN   0x2f6c78632full
/* What stands before the id of a process that watches a container: "conmon-". */
#define MONITOR 0x6e6d6f6e2dull

/*
 * Finds the container that the path of a cgroup leads to, as containerOf in
 * sensor/ebpf/scope.go does: the last id of 64 hexadecimal digits in it.
 */
static __always_inline u8 scope_find(const u8 *path)
{
	u32 zero = 0;
	struct scope_work *w = bpf_map_lookup_elem(&scope_works, &zero);
	u64 *id;

	if (!w)
		return 0;
	w->run = w->found = 0;
	w->last = 0;
	for (u32 i = 0; i < SCOPE_PATH; i++) {
		u8 c = path[i];
		bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

		if (digit) {
			if (!w->run && (w->last & 0xffffffffffull) == MONITOR)
				w->run = CONTAINER_DIGITS;
			w->run++;
		} else {
			/* The last digit was the one before. */
			if (w->run == CONTAINER_DIGITS && i >= CONTAINER_DIGITS) {
				w->found = 1;
				bpf_probe_read_kernel(w->id, TL_SCOPE_ID,
						      path + i - CONTAINER_DIGITS);
			}
			w->run = 0;
		}
		if (!c)
			break;
		w->last = w->last << 8 | c;
		if ((w->last & 0xffffffffffffull) == LXC_PAYLOAD ||
		    (w->last & 0xffffffffffull) == LXC_PLAIN) {
			w->found = 1;
			__builtin_memset(w->id, 0, sizeof(w->id));
		}
	}
	if (!w->found)
		return 0;
	id = (u64 *)w->id;
	__builtin_memset(w->id + TL_SCOPE_ID, 0, sizeof(w->id) - TL_SCOPE_ID);
	zero = scope_value(TL_SCOPE_CONTAINER, id[0], id[1]);
	return TL_CONTAINER | TL_CONTAINER_NEW | (zero & SCOPE_YES ? TL_CONTAINER_NAMED : 0) |
	       (zero & SCOPE_NO ? TL_CONTAINER_REFUSED : 0);
}

/* Notes a cgroup that was made; its flags. The path must have room for SCOPE_PATH. */
static __always_inline u8 scope_mkdir(struct cgroup *cgroup, const u8 *path)
{
	struct scope_cgroup key = {PEEK(cgroup, kn, id), PEEK(cgroup, root, hierarchy_id)};
	u8 flags = scope_find(path);

	if (flags)
		bpf_map_update_elem(&scope_cgroups, &key, &flags, BPF_ANY);
	return flags;
}

static __always_inline void scope_rmdir(struct cgroup *cgroup)
{
	struct scope_cgroup key = {PEEK(cgroup, kn, id), PEEK(cgroup, root, hierarchy_id)};

	bpf_map_delete_elem(&scope_cgroups, &key);
}

#endif
