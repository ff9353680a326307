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

/* What a kernel hook was given in the middle of a call; by task. */
struct noted {
	u64 socket;
	u32 event;
	u32 type;
	u64 size;
	u8 address[TL_ADDRESS_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct noted);
} noted SEC(".maps");

/* What was noted of an event; null for nothing. */
static __always_inline struct noted *noted_of(const struct hook *h, u32 event)
{
	u64 key = (u64)h->task;
	struct noted *n;

	if (!(event_ways(event) & TL_WANTED_HOOK))
		return 0;
	n = bpf_map_lookup_elem(&noted, &key);
	return n && n->event == event ? n : 0;
}

static __always_inline void noted_forget(const struct hook *h)
{
	u64 key = (u64)h->task;

	bpf_map_delete_elem(&noted, &key);
}

/* The address that the call was given: the kernel's copy, if it was noted. */
static __always_inline void part_given(struct scratch *s, u16 id, const struct hook *h,
				       const struct noted *n)
{
	u32 size = h->args[2];

	if (n) {
		struct tl_part *part = part_next(s);

		size = n->size;
		opaque(size);
		if (part && size && size <= TL_ADDRESS_MAX &&
		    !bpf_probe_read_kernel(part + 1, size, n->address))
			part_end(s, part, id, size, 0);
		return;
	}
	if (size)
		part_memory(s, id, (void *)h->args[1],
			    size > TL_ADDRESS_MAX ? TL_ADDRESS_MAX : size, TL_ADDRESS_MAX);
}

static __always_inline void create_call(const struct hook *h)
{
	struct scratch *s;

	if (h->ret < 0 || !event_left(TL_EVENT_SOCKET_CREATE))
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

/*
 * A call's own socket. Where a kernel hook has noted another one than the
 * descriptor stands for by now, null: it may be gone, and what was noted is told.
 */
struct own {
	struct socket *socket;
	struct noted *noted;
};

/* Finds it; false if there is nothing to tell. */
static __always_inline bool own_fill(struct own *o, const struct hook *h, u32 event, s32 fd)
{
	o->socket = socket_of(file_of(h->task, fd));
	o->noted = noted_of(h, event);
	if (o->noted && (u64)o->socket != o->noted->socket)
		o->socket = 0;
	return o->socket || o->noted;
}

static __always_inline struct scratch *socket_begin(const struct hook *h, u32 event,
						    const struct own *o)
{
	struct scratch *s;

	if (!event_wanted(event))
		return 0;
	s = hook_begin(h, event);
	if (!s)
		return 0;
	derived_set(s, SOCKET_FD, h->args[0]);
	if (!o->socket)
		((struct tl_head *)s->data)->flags |= TL_FLAG_MISMATCH;
	return s;
}

/* One of its ends; false if that is not known. */
static __always_inline bool part_own(struct scratch *s, u16 id, const struct own *o, bool remote)
{
	return o->socket && part_socket(s, id, o->socket, remote);
}

static __always_inline void connect_call(const struct hook *h, const struct own *o)
{
	bool known = !h->ret || h->ret == -EINPROGRESS;
	struct socket *socket = o->socket;
	struct scratch *s;

	if (known && socket)
		tcp_connect_emit(h->task, h->id.flags, h->ret, socket);
	s = socket_begin(h, TL_EVENT_SOCKET_CONNECT, o);
	if (!s)
		return;
	derived_set(s, CONNECT_TYPE, o->noted ? o->noted->type : BPF_CORE_READ(socket, type));
	if (!known || !part_own(s, CONNECT_REMOTE, o, true))
		part_given(s, CONNECT_REMOTE, h, o->noted);
	derived_output(s);
}

static __always_inline void bind_call(const struct hook *h, const struct own *o)
{
	struct scratch *s = socket_begin(h, TL_EVENT_SOCKET_BIND, o);

	if (!s)
		return;
	if (h->ret || !part_own(s, BIND_LOCAL, o, false))
		part_given(s, BIND_LOCAL, h, o->noted);
	derived_output(s);
}

static __always_inline void listen_call(const struct hook *h, const struct own *o)
{
	struct scratch *s = socket_begin(h, TL_EVENT_SOCKET_LISTEN, o);

	if (!s)
		return;
	derived_set(s, LISTEN_BACKLOG, h->args[1]);
	part_own(s, LISTEN_LOCAL, o, false);
	derived_output(s);
}

static __always_inline void accept_call(const struct hook *h, const struct own *o)
{
	struct scratch *s = socket_begin(h, TL_EVENT_SOCKET_ACCEPT, o);

	if (!s)
		return;
	part_own(s, ACCEPT_LOCAL, o, false);
	part_own(s, ACCEPT_REMOTE, o, true);
	derived_output(s);
}

static __always_inline void setsockopt_call(const struct hook *h, const struct own *o)
{
	struct scratch *s = socket_begin(h, TL_EVENT_SOCKET_SETSOCKOPT, o);

	if (!s)
		return;
	derived_set(s, SETSOCKOPT_LEVEL, h->args[1]);
	derived_set(s, SETSOCKOPT_OPTNAME, h->args[2]);
	part_own(s, SETSOCKOPT_LOCAL, o, false);
	derived_output(s);
}

/* The event of a call, 0 for one that is told otherwise or not at all. */
static __always_inline u32 socket_event(const struct hook *h)
{
	switch (h->id.event) {
	case CALL_ACCEPT:
	case CALL_ACCEPT4:
		return h->ret < 0 ? 0 : TL_EVENT_SOCKET_ACCEPT;
	case CALL_CONNECT:
		return TL_EVENT_SOCKET_CONNECT;
	case CALL_BIND:
		return TL_EVENT_SOCKET_BIND;
	case CALL_LISTEN:
		return TL_EVENT_SOCKET_LISTEN;
	case CALL_SETSOCKOPT:
		return TL_EVENT_SOCKET_SETSOCKOPT;
	}
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(exit_socket, struct pt_regs *regs, long ret)
{
	struct own o;
	struct hook h;
	u32 event;

	hook_fill(&h, regs, ret);
	if (h.id.event == CALL_SOCKETCALL)
		socketcall_resolve(&h);
	if (h.id.event == CALL_SOCKET) {
		create_call(&h);
		return 0;
	}
	event = socket_event(&h);
	if (!event || !own_fill(&o, &h, event, event == TL_EVENT_SOCKET_ACCEPT ? ret : h.args[0]))
		return 0;
	switch (event) {
	case TL_EVENT_SOCKET_CONNECT:
		connect_call(&h, &o);
		break;
	case TL_EVENT_SOCKET_BIND:
		bind_call(&h, &o);
		break;
	case TL_EVENT_SOCKET_LISTEN:
		listen_call(&h, &o);
		break;
	case TL_EVENT_SOCKET_ACCEPT:
		accept_call(&h, &o);
		break;
	case TL_EVENT_SOCKET_SETSOCKOPT:
		setsockopt_call(&h, &o);
		break;
	}
	if (o.noted)
		noted_forget(&h);
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
