/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The layout of what passes between the programs and sensor/ebpf: records in
 * the rings and tables in shared memory. This is the only definition of it:
 * the programs include it, and so does Go, through cgo.
 *
 * Every structure is free of padding and its size is a multiple of eight.
 */
#ifndef TRIPLINE_RECORD_H
#define TRIPLINE_RECORD_H

#ifndef __bpf__
#include <linux/types.h>
#endif

enum {
	TL_COMM = 16,
	TL_ARGS = 6,
	TL_DERIVED_ARGS = 10,

	/* Raw system call numbers that can be named, x32's own included. */
	TL_CALLS = 1024,
	/* Catalogue ids, and the ids of what is not a system call. */
	TL_EVENTS = 2048,
	TL_FIRST_EVENT = 1000,

	/* The longest path or string, list of strings and buffer that is carried. */
	TL_STRING_MAX = 4096,
	TL_LIST_MAX = 4096,
	TL_LIST_ITEMS = 96,
	TL_BYTES_MAX = 1024,
	TL_PACKET_MAX = 1024,
	TL_ADDRESS_MAX = 128,

	/* Records of one event, by one process on one CPU in 67 ms, that are no flood. */
	TL_HOT = 512,
	/* How many records of floods are known of a CPU's tracepoints, and as many of its
	 * kernel hooks; and how large they may be. */
	TL_FOLDS = 64,
	TL_FOLD_MAX = 992,
};

enum tl_kind {
	TL_SYSCALL = 1,
	TL_FORK,
	TL_EXEC,
	TL_EXIT,
	TL_TASK, /* a process that existed before, from the iterator */
	TL_CGROUP,
	TL_DERIVED,
	TL_PACKET,
};

/* Catalogue ids of what is not a system call. */
enum tl_event {
	TL_EVENT_FORK = 1000,
	TL_EVENT_EXEC = 1001,
	TL_EVENT_EXIT = 1002,
	TL_EVENT_CGROUP_MKDIR = 1003,
	TL_EVENT_CGROUP_RMDIR = 1004,
	TL_EVENT_CGROUP_ATTACH = 1005,

	TL_EVENT_CAP_CAPABLE = 1100,
	TL_EVENT_COMMIT_CREDS = 1101,
	TL_EVENT_SWITCH_TASK_NS = 1102,
	TL_EVENT_TASK_RENAME = 1103,
	TL_EVENT_MEM_PROT_ALERT = 1106,
	TL_EVENT_MAGIC_WRITE = 1107,
	TL_EVENT_VFS_WRITE = 1108,
	TL_EVENT_VFS_WRITEV = 1109,
	TL_EVENT_SOCKET_DUP = 1120,
	TL_EVENT_SIGNAL_GENERATE = 1124,
	TL_EVENT_MODULE_LOAD = 1133,
	TL_EVENT_MODULE_FREE = 1134,
	TL_EVENT_IO_URING_CREATE = 1143,
	TL_EVENT_IO_URING_OPEN = 1145,
	TL_EVENT_IO_URING_CONNECT = 1146,
	TL_EVENT_FILE_OPEN = 1200,
	TL_EVENT_BPRM_CHECK = 1201,
	TL_EVENT_INODE_UNLINK = 1202,
	TL_EVENT_INODE_RENAME = 1203,
	TL_EVENT_INODE_SYMLINK = 1204,
	TL_EVENT_INODE_LINK = 1205,
	TL_EVENT_INODE_MKNOD = 1206,
	TL_EVENT_INODE_MKDIR = 1207,
	TL_EVENT_INODE_RMDIR = 1208,
	TL_EVENT_SB_MOUNT = 1211,
	TL_EVENT_SB_UMOUNT = 1212,
	TL_EVENT_MOVE_MOUNT = 1213,
	TL_EVENT_SOCKET_CREATE = 1214,
	TL_EVENT_SOCKET_LISTEN = 1215,
	TL_EVENT_SOCKET_CONNECT = 1216,
	TL_EVENT_SOCKET_ACCEPT = 1217,
	TL_EVENT_SOCKET_BIND = 1218,
	TL_EVENT_SOCKET_SETSOCKOPT = 1219,
	TL_EVENT_BPF = 1221,
	TL_EVENT_BPF_MAP = 1222,
	TL_EVENT_BPF_PROG = 1223,
	TL_EVENT_KERNEL_READ_FILE = 1224,
	TL_EVENT_PACKET_DNS = 1300,
	TL_EVENT_PACKET_DNS_REQUEST = 1301,
	TL_EVENT_PACKET_DNS_RESPONSE = 1302,
	TL_EVENT_TCP_CONNECT = 1303,
};

/* Flags of a record; the numbers are msg.EventFlag's. */
enum tl_flag {
	TL_FLAG_COMPAT = 1,
	TL_FLAG_X32 = 2,
	TL_FLAG_TRUNCATED = 4,
	TL_FLAG_MISMATCH = 8,
};

/* What the variable parts after a record are. The first six are arguments. */
enum tl_part_id {
	TL_PART_ARG0 = 0,
	TL_PART_EXE = 16,
	TL_PART_CWD,
	TL_PART_ARGV,
	TL_PART_ENV,
	TL_PART_FILENAME,
	TL_PART_INTERP,
	TL_PART_PATH,
	TL_PART_COMM,
	/*
	 * Where a relative path in argument 0 or 1 of a derived event begins; the first
	 * or second directory that a system call has a descriptor of.
	 */
	TL_PART_BASE0,
	TL_PART_BASE1,
	/* What the descriptor refers to that the record is about: struct tl_file. */
	TL_PART_FILE,
	TL_PART_FILE_PATH,
	TL_PART_LOCAL,
	TL_PART_REMOTE,
};

/* One variable part; its data follow, filled up to a multiple of eight. */
struct tl_part {
	__u16 id;
	__u16 size;
	__u32 omitted; /* bytes or items that did not fit */
};

/* What every record begins with. */
struct tl_head {
	__u16 kind;
	__u16 flags;
	__u32 event;	  /* catalogue id */
	__u64 time;	  /* ns since boot */
	__u64 start_time; /* of the thread group's leader, ns since boot */
	__u64 cgroup_id;
	__u64 cgroup_v1_id;
	__u32 pid;
	__u32 tid;
	__u32 ns_pid;
	__u32 ns_tid;
	__u32 cpu;
	__u32 ppid;
	char comm[TL_COMM];
};

struct tl_syscall {
	struct tl_head head;
	__s64 ret;
	__u64 args[TL_ARGS];
	/* Parts follow. */
};

/* What the kernel did, whatever the system call's arguments say. */
struct tl_derived {
	struct tl_head head;
	__s64 ret;
	__u64 present; /* bit i: args[i] is known */
	__u64 args[TL_DERIVED_ARGS];
	/* Parts follow; those with the number of an argument are its value. */
};

/* Something that goes over the network. */
struct tl_packet {
	struct tl_head head;
	__s64 ret;
	__u8 src[16]; /* the first four of an IPv4 address */
	__u8 dst[16];
	__u16 src_port;
	__u16 dst_port;
	__u16 family;
	__u16 pad;
	__u64 length; /* of the content, which may follow as the first part */
};

/* A descriptor. */
struct tl_file {
	__u64 inode;
	__u64 magic; /* of the file system, linux/magic.h */
	__u32 device;
	__u32 mode;
	__u32 flags;
	__s32 fd;
	__u32 socket_type;
	__u32 protocol;
};

/* Credentials as an argument. */
struct tl_cred {
	__u64 cap_inheritable;
	__u64 cap_permitted;
	__u64 cap_effective;
	__u64 cap_bounding;
	__u64 cap_ambient;
	__u32 uid;
	__u32 gid;
	__u32 suid;
	__u32 sgid;
	__u32 euid;
	__u32 egid;
	__u32 fsuid;
	__u32 fsgid;
	__u32 securebits;
	__u32 ns_user;
};

enum tl_exe_flag {
	TL_EXE_UPPER = 1,
	TL_EXE_LOWER = 2,
	TL_EXE_MEMFD = 4,
	TL_EXE_READONLY = 8, /* the file system is mounted read-only */
};

enum tl_process_flag {
	TL_PROCESS_KTHREAD = 1,
	TL_PROCESS_FROM_KERNEL = 2, /* started by a kernel thread (a helper of the kernel's) */
};

/* All that the kernel knows of a process. */
struct tl_process {
	__u64 start_time;
	__u64 parent_start_time;
	__u64 cgroup_id;
	__u64 cgroup_v1_id;
	__u64 cap_inheritable;
	__u64 cap_permitted;
	__u64 cap_effective;
	__u64 cap_bounding;
	__u64 cap_ambient;
	__u64 exe_inode;
	__s64 exe_ctime;
	__s64 exe_mtime;
	__u32 pid;
	__u32 ppid;
	__u32 ns_pid;
	__u32 ns_ppid;
	__u32 sid;
	__u32 pgid;
	__u32 ns_sid;
	__u32 ns_pgid;
	__u32 uid;
	__u32 gid;
	__u32 suid;
	__u32 sgid;
	__u32 euid;
	__u32 egid;
	__u32 fsuid;
	__u32 fsgid;
	__u32 securebits;
	__u32 login_uid;
	__u32 audit_session;
	__u32 tty;
	__u32 ns_mnt;
	__u32 ns_pidns;
	__u32 ns_net;
	__u32 ns_user;
	__u32 ns_uts;
	__u32 ns_ipc;
	__u32 ns_cgroup;
	__u32 ns_time;
	__u32 exe_device;
	__u32 exe_mode;
	__u32 exe_uid;
	__u32 exe_gid;
	__u32 exe_nlink;
	__u32 exe_flags;
	__u32 stdin_mode;
	__u32 flags;
	char comm[TL_COMM];
};

/* Fork, exec, exit and existing processes. */
struct tl_task_event {
	struct tl_head head;
	/* Fork: child tid and its ns tid. Exit: exit code, whole group. */
	__s64 args[2];
	/* Fork: of the child, otherwise of the process itself. */
	struct tl_process process;
	/* Parts follow. */
};

struct tl_cgroup_event {
	struct tl_head head;
	__u64 id;
	__u32 hierarchy;
	__u32 pid; /* attached */
		   /* Parts follow. */
};

/*
 * How one system call is recorded; indexed by catalogue id. Written by the
 * loader before anything is attached, except for the filter.
 */
enum tl_arg_kind {
	TL_ARG_SCALAR,
	TL_ARG_STRING,
	TL_ARG_BYTES,
	TL_ARG_STRINGS,
	TL_ARG_ADDRESS,
};

enum tl_arg_flag {
	TL_ARG_LENGTH_POINTER = 1,  /* the length argument points to the length */
	TL_ARG_OUTPUT = 2,	    /* written by the kernel: only there if the call succeeded */
	TL_ARG_BOUND_BY_RETURN = 4, /* the return value is how many bytes are there */
};

struct tl_arg {
	__u8 kind;
	__u8 flags;
	__u8 length; /* 1 + the position of the argument with the length, 0 for none */
	__u8 pad;
};

enum tl_call_flag {
	TL_CALL_VARIABLE = 1, /* has arguments that are not scalars */
	TL_CALL_SAVE = 2,     /* the arguments are gone at exit: taken at entry */
	TL_CALL_ENTRY = 4,    /* does not come back: recorded at entry */
};

struct tl_call {
	struct tl_arg args[TL_ARGS];
	__u32 flags;
	/* Bit i: in a 32-bit call argument i comes in two registers, low half first. */
	__u32 split;
	__u8 exit_hook; /* enum tl_hook: what else looks at it when it ends */
	__u8 hook_arg; /* 1 + the argument that says whether it is of interest to that; 0: always */
	__u8 file;     /* 1 + the argument with the descriptor it is about; TL_FILE_RETURNED */
	__u8 prefix;  /* 1 + the argument, the first text of the call, that is tested by prefixes */
	__u8 dirs[2]; /* 1 + the arguments that may be descriptors of directories */
	__u8 filter;  /* 1 + the position of the argument that filter_mask tests, 0 for none */
	__u8 pad;
	/* Bit v lets value v through; bit 63 stands for all values from 63 on. */
	__u64 filter_mask;
	/* What the argument must have for the hook: these bits or, without any, one of two values.
	 */
	__u32 hook_bits;
	__u32 hook_values[2];
	__u32 unused;
};

/*
 * What a text must begin with, one of these, for anybody to want the call. The
 * zero at the end of a text counts, so that a whole text can be asked for.
 */
enum { TL_PREFIXES = 8, TL_PREFIX_MAX = 60 };

struct tl_prefixes {
	__u32 count;
	struct {
		__u32 size;
		char text[TL_PREFIX_MAX];
	} item[TL_PREFIXES];
	__u32 pad;
};

/* For tl_call.file: the descriptor is the result. */
enum { TL_FILE_RETURNED = TL_ARGS + 1 };

/*
 * The programs that derive events from system calls: each looks at the calls
 * of one family. Tail calls, so that a family costs and breaks nothing else.
 */
enum tl_hook {
	TL_HOOK_NONE,
	TL_HOOK_OPEN,
	TL_HOOK_WRITE,
	TL_HOOK_MEMORY,
	TL_HOOK_MOUNT,
	TL_HOOK_SOCKET,
	TL_HOOK_DUP,
	TL_HOOK_NAME,
	TL_HOOK_LOAD,
	TL_HOOK_IDENTITY,
	TL_HOOK_COPY,
	TL_HOOK_BPF,
	TL_HOOKS,
};

/*
 * Who wants a raw system call number; indexed by that number. The first three
 * are for the call itself, the others, in the same order, for its hook.
 */
enum tl_gate {
	TL_GATE_NATIVE = 1,
	TL_GATE_COMPAT = 2,
	TL_GATE_X32 = 4,
	TL_GATE_HOOK = 8, /* times one of those */
};

/* What conditions of the scope are on. */
enum tl_scope_kind {
	TL_SCOPE_PID,
	TL_SCOPE_UID,
	TL_SCOPE_COMM,
	TL_SCOPE_EXE,
	TL_SCOPE_MNTNS,
	TL_SCOPE_PIDNS,
	TL_SCOPE_TREE,
	TL_SCOPE_CONTAINER,
};

enum {
	TL_SCOPE_PATH_MAX = 256, /* of an executable that a condition names, with a zero */
	TL_SCOPE_ID = 12,	 /* digits of a container's id that are compared */
};

/* What is known of a process; what a condition on it asks for. */
enum tl_scope_task {
	TL_TASK_EXE = 1, /* the executable is one of those named, or one of those to leave out */
	TL_TASK_NOT_EXE = 2,
	TL_TASK_TREE = 4, /* it descends from one of those named */
	TL_TASK_NOT_TREE = 8,
	TL_TASK_FOLLOWED = 16, /* it descends from one that was in scope */
};

enum tl_scope_container {
	TL_CONTAINER = 1,
	TL_CONTAINER_NEW = 2, /* made after the sensor had started */
	TL_CONTAINER_NAMED = 4,
	TL_CONTAINER_REFUSED = 8,
};

/* Written once, before anything is attached. */
struct tl_scope {
	__u64 since; /* processes must have started after it; 0 for any */
	__u32 on;
	__u32 wanted; /* bit k: there is a condition of kind k */
	__u32 unwanted;
	__u32 tasks; /* tl_scope_task is looked at */
	__u32 follow;
	__u32 containers; /* tl_scope_container is looked at */
	__u32 container_wanted;
	__u32 container_unwanted;
};

/* What is counted in place of being recorded. */
enum tl_skipped {
	TL_SKIPPED_CALLS, /* system calls and derived events out of scope */
	TL_SKIPPED_LIFECYCLE,
	TL_SKIPPED_ARGS, /* calls without the arguments that anybody asks for */
	TL_SKIPPED,
};

/*
 * A record of a flood, and how often it came again without being sent. While
 * count differs from taken the record stays what it is.
 */
struct tl_fold {
	__u64 count; /* written by the programs */
	__u64 taken; /* of those, reported; written by the sensor */
	__u64 time;  /* of the last */
	__u32 window;
	__u32 size; /* 0: none */
	__u8 record[TL_FOLD_MAX];
};

/* What is let through of an event that is no system call. */
enum tl_wanted {
	TL_WANTED = 1,
	TL_WANTED_HOOK = 2, /* as well: a kernel hook tells it, and the call's end does not */
	TL_WANTED_RING = 4, /* as well: what an io_uring does of it the tracepoints of that tell */
};

/* Everything that sensor/ebpf changes or reads while the programs run. */
struct tl_shared {
	__u8 gate[TL_CALLS];  /* enum tl_gate, by raw number */
	__u8 entry[TL_CALLS]; /* the same, for calls that need the program at entry */
	__u8 events[TL_EVENTS - TL_FIRST_EVENT]; /* enum tl_wanted; index id - TL_FIRST_EVENT */
	__u16 native[TL_CALLS];			 /* raw number to catalogue id */
	__u16 compat[TL_CALLS];
	struct tl_call calls[TL_CALLS]; /* by catalogue id */
	__u64 drops[TL_EVENTS];		/* by catalogue id */
	__u32 self;			/* the sensor's own process in the first pid namespace */
	__u32 bytes_max;		/* how much of a buffer is carried, at most TL_BYTES_MAX */
	__u32 init_told;		/* the list of processes has the first one */
	__u32 self_uid;			/* who runs Tripline is not told of */
	__u64 ring_half; /* in bytes: beyond it the ring of events is closed to floods */
	__u64 folded;	 /* when a record was last counted in place of being sent */
	__u64 fold;	 /* 1: do so */
	__u64 self_exe;	 /* the inode of Tripline's own executable, in the kernel's memory */
	struct tl_scope scope;
};

#endif
