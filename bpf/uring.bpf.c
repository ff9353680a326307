/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What is opened and connected by way of an io_uring, where no system call
 * shows it. A request is noted when it is submitted, with the kernel's own copy
 * of the name, and told when it completes, with the file that came of it. One
 * that asked for no completion is told at once, with what is known then.
 */
#include "include/connect.h"
#include <bpf/bpf_tracing.h>

enum {
	URING_OPEN_DIRFD = 0,
	URING_OPEN_PATHNAME,
	URING_OPEN_FLAGS,
	URING_OPEN_MODE,
	URING_OPEN_DEV,
	URING_OPEN_INODE,
	URING_OPEN_SYSCALL_PATHNAME,
	URING_OPEN_SQPOLL,

	URING_CONNECT_FD = 0,
	URING_CONNECT_REMOTE,
	URING_CONNECT_SQPOLL,
};

enum {
	IORING_OP_CONNECT = 16,
	IORING_OP_OPENAT = 18,
	IORING_OP_OPENAT2 = 28,

	IORING_SETUP_SQPOLL = 2,
	REQ_F_FIXED_FILE = 1,
	REQ_F_CQE_SKIP = 1 << 6,
	/* The caller left the choice of a slot to the kernel. */
	SLOT_ALLOC = -1,
	/* Flags in the low bits of a slot's pointer. */
	SLOT_FLAGS = 7,

	URING_NAME = 256,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct io_rsrc_node {
	unsigned long file_ptr;
};
struct io_rsrc_data {
	u32 nr;
	struct io_rsrc_node **nodes;
};
struct io_file_table {
	struct io_rsrc_data data;
};
struct io_ring_ctx {
	u32 flags;
	struct io_file_table file_table;
};
/* Until 6.12 the slots are an array. */
struct io_fixed_file {
	unsigned long file_ptr;
};
struct io_file_table___array {
	struct io_fixed_file *files;
};
struct io_ring_ctx___array {
	u32 nr_user_files;
	struct io_file_table___array file_table;
};
struct io_cqe {
	s32 fd;
};
struct io_uring_cqe {
	s32 res;
};
struct io_kiocb {
	struct file *file;
	u8 opcode;
	u64 flags;
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
	void *async_data;
};
/* The flags had 32 bits until 6.9. */
struct io_kiocb___narrow {
	u32 flags;
};
struct filename {
	const char *name;
};
struct open_how {
	u64 flags, mode;
};
struct io_open {
	s32 dfd;
	u32 file_slot;
	struct filename *filename;
	struct open_how how;
};
struct __kernel_sockaddr_storage {
	u16 ss_family;
};
struct io_async_msghdr {
	struct __kernel_sockaddr_storage addr;
};
struct io_connect {
	s32 addr_len;
};

#pragma clang attribute pop

/* A request under way. */
struct uring {
	s32 fd;
	u32 pad;
	char name[URING_NAME];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, u64);
	__type(value, struct uring);
} urings SEC(".maps");

static __always_inline bool uring_opens(u8 opcode)
{
	return opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2;
}

static __always_inline bool uring_wanted(u8 opcode)
{
	if (uring_opens(opcode))
		return event_left(TL_EVENT_FILE_OPEN) || event_wanted(TL_EVENT_IO_URING_OPEN);
	return opcode == IORING_OP_CONNECT &&
	       (event_wanted(TL_EVENT_SOCKET_CONNECT) || event_wanted(TL_EVENT_IO_URING_CONNECT) ||
		event_wanted(TL_EVENT_TCP_CONNECT));
}

static __always_inline bool uring_polled(struct io_kiocb *req)
{
	return BPF_CORE_READ(req, ctx, flags) & IORING_SETUP_SQPOLL;
}

static __always_inline struct file *slot_file(unsigned long pointer)
{
	return (struct file *)(pointer & ~(unsigned long)SLOT_FLAGS);
}

/* The file of a request that succeeded: behind a descriptor, or in one of the ring's slots. */
static __always_inline struct file *uring_file(struct task_struct *task, struct io_kiocb *req,
					       struct io_open *open, s32 res)
{
	struct io_rsrc_data *data = 0;
	struct io_rsrc_node **nodes, *node = 0;
	s32 slot = BPF_CORE_READ(open, file_slot);
	struct io_ring_ctx___array *array;
	struct io_fixed_file *fixed;

	if (!slot)
		return file_of(task, res);
	slot = slot == SLOT_ALLOC ? res : slot - 1;
	if (!bpf_core_field_exists(data->nodes)) {
		array = (void *)BPF_CORE_READ(req, ctx);
		if (slot < 0 || (u32)slot >= BPF_CORE_READ(array, nr_user_files))
			return 0;
		fixed = BPF_CORE_READ(array, file_table.files) + slot;
		return slot_file(BPF_CORE_READ(fixed, file_ptr));
	}
	data = &BPF_CORE_READ(req, ctx)->file_table.data;
	if (slot < 0 || (u32)slot >= BPF_CORE_READ(data, nr))
		return 0;
	nodes = BPF_CORE_READ(data, nodes);
	bpf_probe_read_kernel(&node, sizeof(node), nodes + slot);
	return slot_file(BPF_CORE_READ(node, file_ptr));
}

/* The path by the kernel's names, or the name that was given. */
static __always_inline void uring_path(struct scratch *s, u16 id, struct task_struct *task,
				       struct io_open *open, struct file *file,
				       const struct uring *u)
{
	if (file)
		part_path(s, id, &file->f_path);
	else
		part_string(s, id, u->name, false);
}

static __always_inline void uring_open_emit(struct task_struct *task, struct io_kiocb *req, s32 res,
					    const struct uring *u, struct file *file)
{
	struct io_open *open = (void *)req;
	u32 flags = BPF_CORE_READ(open, how.flags);
	struct inode *inode;
	struct scratch *s;

	if (event_wanted(TL_EVENT_IO_URING_OPEN)) {
		s = derived_begin(task, TL_EVENT_IO_URING_OPEN, 0, res);
		if (!s)
			return;
		derived_set(s, URING_OPEN_DIRFD, BPF_CORE_READ(open, dfd));
		derived_set(s, URING_OPEN_FLAGS, flags);
		derived_set(s, URING_OPEN_MODE, BPF_CORE_READ(open, how.mode));
		derived_set(s, URING_OPEN_SQPOLL, uring_polled(req));
		if (file) {
			inode = BPF_CORE_READ(file, f_inode);
			derived_set(s, URING_OPEN_DEV, BPF_CORE_READ(inode, i_sb, s_dev));
			derived_set(s, URING_OPEN_INODE, BPF_CORE_READ(inode, i_ino));
		}
		part_string(s, URING_OPEN_SYSCALL_PATHNAME, u->name, false);
		uring_path(s, URING_OPEN_PATHNAME, task, open, file, u);
		derived_output(s);
	}
	if (!event_left(TL_EVENT_FILE_OPEN) || res < 0 || flags & O_PATH)
		return;
	s = derived_begin(task, TL_EVENT_FILE_OPEN, 0, res);
	if (!s)
		return;
	derived_set(s, FILE_OPEN_SYSCALL, CALL_IO_URING_ENTER);
	part_string(s, FILE_OPEN_SYSCALL_PATHNAME, u->name, false);
	if (file) {
		file_open_emit(s, file, flags, false);
		return;
	}
	derived_set(s, FILE_OPEN_FLAGS, flags);
	part_string(s, FILE_OPEN_PATHNAME, u->name, false);
	derived_output(s);
}

/* The address that the kernel has copied of a request to connect. */
static __always_inline void uring_address(struct scratch *s, u16 id, struct io_kiocb *req)
{
	struct io_connect *connect = (void *)req;
	struct io_async_msghdr *copy = BPF_CORE_READ(req, async_data);
	struct tl_part *part = part_next(s);
	u32 n = BPF_CORE_READ(connect, addr_len);

	if (!part || !copy || !n)
		return;
	if (n > TL_ADDRESS_MAX)
		n = TL_ADDRESS_MAX;
	opaque(n);
	if (n > TL_ADDRESS_MAX || bpf_probe_read_kernel(part + 1, n, &copy->addr))
		return;
	part_end(s, part, id, n, 0);
}

static __always_inline void uring_connect_emit(struct task_struct *task, struct io_kiocb *req,
					       s32 res, s32 fd, u32 event)
{
	struct socket *socket = socket_of(BPF_CORE_READ(req, file));
	struct scratch *s;

	if (!event_wanted(event))
		return;
	s = derived_begin(task, event, 0, res);
	if (!s)
		return;
	if (fd >= 0)
		derived_set(s, URING_CONNECT_FD, fd);
	if (event == TL_EVENT_IO_URING_CONNECT)
		derived_set(s, URING_CONNECT_SQPOLL, uring_polled(req));
	else if (socket)
		derived_set(s, CONNECT_TYPE, BPF_CORE_READ(socket, type));
	if (res || !socket || !part_socket(s, URING_CONNECT_REMOTE, socket, true))
		uring_address(s, URING_CONNECT_REMOTE, req);
	derived_output(s);
}

static __always_inline void uring_emit(struct io_kiocb *req, u8 opcode, s32 res,
				       const struct uring *u, bool complete)
{
	struct task_struct *task = current_task();
	struct file *file = 0;

	if (uring_opens(opcode)) {
		if (complete && res >= 0)
			file = uring_file(task, req, (void *)req, res);
		uring_open_emit(task, req, res, u, file);
		return;
	}
	if (complete && !res) {
		struct socket *socket = socket_of(BPF_CORE_READ(req, file));

		if (socket)
			tcp_connect_emit(task, 0, res, socket);
	}
	uring_connect_emit(task, req, res, u->fd, TL_EVENT_SOCKET_CONNECT);
	uring_connect_emit(task, req, res, u->fd, TL_EVENT_IO_URING_CONNECT);
}

static __always_inline int uring_submitted(struct io_kiocb *req)
{
	struct io_kiocb___narrow *narrow = (void *)req;
	u8 opcode = BPF_CORE_READ(req, opcode);
	struct io_open *open = (void *)req;
	struct uring u = {.fd = -1};
	u64 key = (u64)req, flags;

	if (!uring_wanted(opcode) || is_out(current_task()))
		return 0;
	flags = bpf_core_field_size(req->flags) == 8 ? BPF_CORE_READ(req, flags)
						     : BPF_CORE_READ(narrow, flags);
	if (uring_opens(opcode))
		bpf_probe_read_kernel_str(u.name, sizeof(u.name),
					  BPF_CORE_READ(open, filename, name));
	else if (!(flags & REQ_F_FIXED_FILE))
		u.fd = BPF_CORE_READ(req, cqe.fd);
	if (flags & REQ_F_CQE_SKIP) {
		uring_emit(req, opcode, 0, &u, false);
		return 0;
	}
	bpf_map_update_elem(&urings, &key, &u, BPF_ANY);
	return 0;
}

static __always_inline int uring_completed(struct io_kiocb *req, s32 res)
{
	struct uring none = {.fd = -1}, *u;
	u64 key = (u64)req;
	u8 opcode;

	if (!req)
		return 0;
	opcode = BPF_CORE_READ(req, opcode);
	if (!uring_wanted(opcode) || is_out(current_task()))
		return 0;
	u = bpf_map_lookup_elem(&urings, &key);
	uring_emit(req, opcode, res, u ?: &none, true);
	if (u)
		bpf_map_delete_elem(&urings, &key);
	return 0;
}

/* Until 6.2 the tracepoint had the name of the queue's entry. */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_uring_submit, struct io_kiocb *req)
{
	return uring_submitted(req);
}

SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(on_uring_submit_sqe, struct io_kiocb *req)
{
	return uring_submitted(req);
}

/*
 * The third argument is the completion entry, up to 6.12 the caller's data; the
 * result was the fourth then.
 */
SEC("tp_btf/io_uring_complete")
int on_uring_complete(u64 *ctx)
{
	struct io_rsrc_data *data = 0;
	struct io_uring_cqe *cqe;

	if (!bpf_core_field_exists(data->nodes))
		return uring_completed((void *)ctx[1], ctx[3]);
	cqe = (void *)ctx[2];
	return uring_completed((void *)ctx[1], BPF_CORE_READ(cqe, res));
}

enum {
	URING_CREATE_FD = 0,
	URING_CREATE_SQ,
	URING_CREATE_CQ,
	URING_CREATE_FLAGS,
};

/* Arguments: descriptor, ring, sizes of both queues, flags. */
SEC("tp_btf/io_uring_create")
int on_uring_create(u64 *given)
{
	struct task_struct *task = current_task();
	struct scratch *s;

	if (!event_wanted(TL_EVENT_IO_URING_CREATE) || is_out(task))
		return 0;
	s = derived_begin(task, TL_EVENT_IO_URING_CREATE, 0, 0);
	if (!s)
		return 0;
	derived_set(s, URING_CREATE_FD, given[0]);
	derived_set(s, URING_CREATE_SQ, given[2]);
	derived_set(s, URING_CREATE_CQ, given[3]);
	derived_set(s, URING_CREATE_FLAGS, given[4]);
	derived_output(s);
	return 0;
}
