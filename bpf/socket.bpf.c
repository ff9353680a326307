/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What is done with sockets, with the ends that the kernel's own socket has.
 * Only where that has none, as after a connection was refused, the address is
 * the one that the caller gave. Attempts that fail are told too, with the
 * reason as the result, except for making and accepting.
 */
#include "include/connect.h"
#include <bpf/bpf_tracing.h>

enum {
	CREATE_FAMILY = 0,
	CREATE_TYPE,
	CREATE_PROTOCOL,
	CREATE_KERN,

	/* The first argument of all others. */
	SOCKET_FD = 0,

	LISTEN_LOCAL = 1,
	LISTEN_BACKLOG,

	CONNECT_REMOTE = 1,
	CONNECT_TYPE,

	ACCEPT_LOCAL = 1,
	ACCEPT_REMOTE,

	BIND_LOCAL = 1,

	SETSOCKOPT_LEVEL = 1,
	SETSOCKOPT_OPTNAME,
	SETSOCKOPT_LOCAL,

	DUP_OLD = 0,
	DUP_NEW,
	DUP_REMOTE,
};

/* Catalogue ids. */
enum {
	CALL_DUP = 32,
	CALL_SOCKET = 41,
	CALL_CONNECT = 42,
	CALL_ACCEPT = 43,
	CALL_BIND = 49,
	CALL_LISTEN = 50,
	CALL_SETSOCKOPT = 54,
	CALL_FCNTL = 72,
	CALL_ACCEPT4 = 288,
	CALL_SOCKETCALL = 639,
	CALL_FCNTL64 = 665,
};

enum {
	SOCK_TYPE = 0xf,
	F_DUPFD = 0,
	F_DUPFD_CLOEXEC = 1030,
	EINPROGRESS = 115,
};

/* The calls of socketcall, by which 32-bit programs reach all others (linux/net.h). */
static __always_inline u16 socketcall_event(u64 number)
{
	switch (number) {
	case 1:
		return CALL_SOCKET;
	case 2:
		return CALL_BIND;
	case 3:
		return CALL_CONNECT;
	case 4:
		return CALL_LISTEN;
	case 5:
		return CALL_ACCEPT;
	case 14:
		return CALL_SETSOCKOPT;
	case 18:
		return CALL_ACCEPT4;
	}
	return 0;
}

/* Puts the arguments in place that socketcall takes from memory. */
static __always_inline void socketcall_resolve(struct hook *h)
{
	u32 args[TL_ARGS] = {};

	h->id.event = socketcall_event(h->args[0]);
	/* Some calls take fewer, and memory may end behind them. */
	if (bpf_probe_read_user(args, sizeof(args), (void *)h->args[1]))
		bpf_probe_read_user(args, 3 * sizeof(u32), (void *)h->args[1]);
#pragma unroll
	for (int i = 0; i < TL_ARGS; i++)
		h->args[i] = args[i];
}

static __always_inline void part_given(struct scratch *s, u16 id, const struct hook *h)
{
	u32 size = h->args[2];

	if (size)
		part_memory(s, id, (void *)h->args[1],
			    size > TL_ADDRESS_MAX ? TL_ADDRESS_MAX : size, TL_ADDRESS_MAX);
}

static __always_inline void create_call(const struct hook *h)
{
	struct scratch *s;

	if (h->ret < 0 || !event_wanted(TL_EVENT_SOCKET_CREATE))
		return;
	s = hook_begin(h, TL_EVENT_SOCKET_CREATE);
	if (!s)
		return;
	derived_set(s, CREATE_FAMILY, h->args[0]);
	derived_set(s, CREATE_TYPE, h->args[1] & SOCK_TYPE);
	derived_set(s, CREATE_PROTOCOL, h->args[2]);
	derived_set(s, CREATE_KERN, 0);
	derived_output(s);
}

static __always_inline struct scratch *socket_begin(const struct hook *h, u32 event)
{
	struct scratch *s;

	if (!event_wanted(event))
		return 0;
	s = hook_begin(h, event);
	if (s)
		derived_set(s, SOCKET_FD, h->args[0]);
	return s;
}

static __always_inline void connect_call(const struct hook *h, struct socket *socket)
{
	bool known = !h->ret || h->ret == -EINPROGRESS;
	struct scratch *s;

	if (known)
		tcp_connect_emit(h->task, h->id.flags, h->ret, socket);
	s = socket_begin(h, TL_EVENT_SOCKET_CONNECT);
	if (!s)
		return;
	derived_set(s, CONNECT_TYPE, BPF_CORE_READ(socket, type));
	if (!known || !part_socket(s, CONNECT_REMOTE, socket, true))
		part_given(s, CONNECT_REMOTE, h);
	derived_output(s);
}

static __always_inline void bind_call(const struct hook *h, struct socket *socket)
{
	struct scratch *s = socket_begin(h, TL_EVENT_SOCKET_BIND);

	if (!s)
		return;
	if (h->ret || !part_socket(s, BIND_LOCAL, socket, false))
		part_given(s, BIND_LOCAL, h);
	derived_output(s);
}

static __always_inline void listen_call(const struct hook *h, struct socket *socket)
{
	struct scratch *s = socket_begin(h, TL_EVENT_SOCKET_LISTEN);

	if (!s)
		return;
	derived_set(s, LISTEN_BACKLOG, h->args[1]);
	part_socket(s, LISTEN_LOCAL, socket, false);
	derived_output(s);
}

static __always_inline void accept_call(const struct hook *h)
{
	struct socket *socket;
	struct scratch *s;

	if (h->ret < 0)
		return;
	socket = socket_of(file_of(h->task, h->ret));
	if (!socket)
		return;
	s = socket_begin(h, TL_EVENT_SOCKET_ACCEPT);
	if (!s)
		return;
	part_socket(s, ACCEPT_LOCAL, socket, false);
	part_socket(s, ACCEPT_REMOTE, socket, true);
	derived_output(s);
}

static __always_inline void setsockopt_call(const struct hook *h, struct socket *socket)
{
	struct scratch *s = socket_begin(h, TL_EVENT_SOCKET_SETSOCKOPT);

	if (!s)
		return;
	derived_set(s, SETSOCKOPT_LEVEL, h->args[1]);
	derived_set(s, SETSOCKOPT_OPTNAME, h->args[2]);
	part_socket(s, SETSOCKOPT_LOCAL, socket, false);
	derived_output(s);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_socket, struct pt_regs *regs, long ret)
{
	struct socket *socket;
	struct hook h;

	hook_fill(&h, regs, ret);
	if (h.id.event == CALL_SOCKETCALL)
		socketcall_resolve(&h);
	switch (h.id.event) {
	case CALL_SOCKET:
		create_call(&h);
		return 0;
	case CALL_ACCEPT:
	case CALL_ACCEPT4:
		accept_call(&h);
		return 0;
	case 0:
		return 0;
	}
	socket = socket_of(file_of(h.task, h.args[0]));
	if (!socket)
		return 0;
	switch (h.id.event) {
	case CALL_CONNECT:
		connect_call(&h, socket);
		break;
	case CALL_BIND:
		bind_call(&h, socket);
		break;
	case CALL_LISTEN:
		listen_call(&h, socket);
		break;
	case CALL_SETSOCKOPT:
		setsockopt_call(&h, socket);
		break;
	}
	return 0;
}

/* A descriptor of a connected socket got another number. */
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_dup, struct pt_regs *regs, long ret)
{
	struct socket *socket;
	struct scratch *s;
	struct hook h;

	if (ret < 0 || !event_wanted(TL_EVENT_SOCKET_DUP))
		return 0;
	hook_fill(&h, regs, ret);
	if ((h.id.event == CALL_FCNTL || h.id.event == CALL_FCNTL64) && h.args[1] != F_DUPFD &&
	    h.args[1] != F_DUPFD_CLOEXEC)
		return 0;
	/* dup2 of a descriptor onto itself. */
	if ((s32)h.args[0] == ret)
		return 0;
	socket = socket_of(file_of(h.task, ret));
	if (!socket)
		return 0;
	s = hook_begin(&h, TL_EVENT_SOCKET_DUP);
	if (!s)
		return 0;
	derived_set(s, DUP_OLD, h.args[0]);
	derived_set(s, DUP_NEW, ret);
	if (part_socket(s, DUP_REMOTE, socket, true))
		derived_output(s);
	return 0;
}
