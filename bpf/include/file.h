/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 4: what a descriptor refers to, as the kernel knows it: a file with its
 * path, or a socket with its two ends.
 */
#ifndef TRIPLINE_FILE_H
#define TRIPLINE_FILE_H

#include "path.h"
#include <bpf/bpf_endian.h>

enum {
	AF_UNIX = 1,
	AF_INET = 2,
	AF_INET6 = 10,
	SOCK_STREAM = 1,

	SOCKADDR_IN = 16,
	SOCKADDR_IN6 = 28,
	SOCKADDR_UN = 110,
};

/* struct sockaddr_in and sockaddr_in6 of the user API. */
struct sockaddr_inet {
	u16 family;
	__be16 port;
	union {
		__be32 ip;
		struct {
			__be32 flow;
			struct in6_addr ip6;
			u32 scope;
		};
	};
	u32 pad;
};

/* The file behind a descriptor of the current task. */
static __always_inline struct file *file_of(struct task_struct *task, s32 fd)
{
	struct fdtable *table = LOAD(LOAD(task, files), fdt);

	if (fd < 0 || (u32)fd >= LOAD(table, max_fds))
		return 0;
	return (void *)peek_word(LOAD(table, fd) + fd);
}

static __always_inline bool is_kind(struct file *file, u16 kind)
{
	return (PEEK(file, f_inode, i_mode) & S_IFMT) == kind;
}

static __always_inline struct socket *socket_of(struct file *file)
{
	if (!file || !is_kind(file, S_IFSOCK))
		return 0;
	return PEEK(file, private_data);
}

/* One end of an internet socket; false when it has none. */
static __always_inline bool part_inet(struct scratch *s, u16 id, struct sock *sk, bool remote,
				      u16 family)
{
	struct tl_part *part = part_next(s);
	struct sockaddr_inet *to;
	__be16 port;

	if (!part)
		return false;
	to = (void *)(part + 1);
	port = remote ? PEEK(sk, __sk_common.skc_dport) : bpf_htons(PEEK(sk, __sk_common.skc_num));
	to->family = family;
	to->port = port;
	if (family == AF_INET) {
		to->ip =
		    remote ? PEEK(sk, __sk_common.skc_daddr) : PEEK(sk, __sk_common.skc_rcv_saddr);
		if (remote && !port && !to->ip)
			return false;
		part_end(s, part, id, SOCKADDR_IN, 0);
		return true;
	}
	to->flow = to->scope = 0;
	if (remote)
		BPF_CORE_READ_INTO(&to->ip6, sk, __sk_common.skc_v6_daddr);
	else
		BPF_CORE_READ_INTO(&to->ip6, sk, __sk_common.skc_v6_rcv_saddr);
	if (remote && !port)
		return false;
	part_end(s, part, id, SOCKADDR_IN6, 0);
	return true;
}

/* One end of a local socket; one without a name has the family only. */
static __always_inline bool part_unix(struct scratch *s, u16 id, struct sock *sk, bool remote)
{
	struct tl_part *part = part_next(s);
	struct unix_sock *end = (void *)sk;
	struct unix_address *address;
	u32 n = sizeof(u16);

	if (!part)
		return false;
	if (remote) {
		end = (void *)PEEK(end, peer);
		if (!end)
			return false;
	}
	*(u16 *)(part + 1) = AF_UNIX;
	address = PEEK(end, addr);
	if (address) {
		n = PEEK(address, len);
		opaque(n);
		if (n > SOCKADDR_UN ||
		    bpf_probe_read_kernel(part + 1, n,
					  (void *)address +
					      bpf_core_field_offset(struct unix_address, name)))
			return false;
	}
	part_end(s, part, id, n, 0);
	return true;
}

/* One end of a socket in the form of a struct sockaddr; false for families without. */
static __always_inline bool part_socket(struct scratch *s, u16 id, struct socket *socket,
					bool remote)
{
	struct sock *sk = PEEK(socket, sk);
	u16 family = PEEK(sk, __sk_common.skc_family);

	if (!sk)
		return false;
	if (family == AF_UNIX)
		return part_unix(s, id, sk, remote);
	if (family != AF_INET && family != AF_INET6)
		return false;
	return part_inet(s, id, sk, remote, family);
}

/* Appends all that is known of a descriptor. */
static __always_inline void part_file(struct scratch *s, struct file *file, s32 fd)
{
	struct inode *inode = PEEK(file, f_inode);
	struct super_block *sb = PEEK(inode, i_sb);
	struct tl_part *part = part_next(s);
	struct tl_file *to;
	struct socket *socket;

	if (!part)
		return;
	to = (void *)(part + 1);
	to->inode = PEEK(inode, i_ino);
	to->magic = PEEK(sb, s_magic);
	to->device = PEEK(sb, s_dev);
	to->mode = PEEK(inode, i_mode);
	to->flags = PEEK(file, f_flags);
	to->fd = fd;
	to->socket_type = to->protocol = 0;
	if ((to->mode & S_IFMT) != S_IFSOCK) {
		part_end(s, part, TL_PART_FILE, sizeof(*to), 0);
		part_path(s, TL_PART_FILE_PATH, &file->f_path);
		return;
	}
	socket = PEEK(file, private_data);
	to->socket_type = PEEK(socket, type);
	to->protocol = PEEK(socket, sk, sk_protocol);
	part_end(s, part, TL_PART_FILE, sizeof(*to), 0);
	part_socket(s, TL_PART_LOCAL, socket, false);
	part_socket(s, TL_PART_REMOTE, socket, true);
}

#endif
