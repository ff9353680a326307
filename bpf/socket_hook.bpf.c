/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What is done with sockets, by the kernel's own hooks: they are given the socket
 * itself, whatever becomes of its descriptor, and the kernel's copy of an address.
 * Both are noted for the call's end, which knows the result. What an io_uring does
 * is told here, but for connecting where the tracepoints of io_uring tell that.
 */
#include "include/kernel_hook.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* linux/net.h */
struct socket___state {
	enum { SS_FREE, SS_UNCONNECTED } state;
};

#pragma clang attribute pop

/* What a hook is given; a constant of it is the event. */
struct given_socket {
	struct socket *socket;
	const void *address;
	u32 size;
};

static __always_inline void socket_note(struct task_struct *task, u32 event,
					const struct given_socket *g)
{
	struct socket *socket = g->socket;
	struct noted n = {(u64)socket, event, BPF_CORE_READ(socket, type), 0, {}};
	u64 key = (u64)task;
	u32 size = g->size;

	if (size > TL_ADDRESS_MAX)
		size = TL_ADDRESS_MAX;
	opaque(size);
	if (g->address && size && size <= TL_ADDRESS_MAX &&
	    !bpf_probe_read_kernel(n.address, size, g->address))
		n.size = size;
	bpf_map_update_elem(&noted, &key, &n, BPF_ANY);
}

/*
 * Notes the socket if a call is under way that will tell. Else, if an io_uring has
 * asked for it, begins a record of its own.
 */
static __always_inline struct scratch *socket_told(u32 event, const struct given_socket *g)
{
	struct task_struct *task = current_task();
	struct call_id id;

	if (!event_wanted(event))
		return 0;
	switch (hook_when(task, TL_HOOK_SOCKET, &id)) {
	case HOOK_LATER:
		socket_note(task, event, g);
		return 0;
	case HOOK_HERE:
		if (event_ways(event) & TL_WANTED_RING || is_out(task))
			return 0;
		return hook_tell(task, event, id.flags, 0);
	default:
		return 0;
	}
}

/* The address that the hook was given. */
static __always_inline void part_address(struct scratch *s, u16 id, const struct given_socket *g)
{
	struct tl_part *part = part_next(s);
	u32 n = g->size;

	if (n > TL_ADDRESS_MAX)
		n = TL_ADDRESS_MAX;
	opaque(n);
	if (!part || !n || n > TL_ADDRESS_MAX || bpf_probe_read_kernel(part + 1, n, g->address))
		return;
	part_end(s, part, id, n, 0);
}

/* Arguments: socket, family, type, protocol, whether it is the kernel's own. */
ON_VERDICT(socket_post_create, 5)
{
	struct task_struct *task = current_task();
	struct call_id id;
	struct scratch *s;

	if (!event_wanted(TL_EVENT_SOCKET_CREATE) || given[4] & 1 ||
	    !hook_in(task, TL_HOOK_SOCKET, &id) || is_out(task))
		return 0;
	s = hook_tell(task, TL_EVENT_SOCKET_CREATE, id.flags, 0);
	if (!s)
		return 0;
	derived_set(s, CREATE_FAMILY, given[1]);
	derived_set(s, CREATE_TYPE, given[2]);
	derived_set(s, CREATE_PROTOCOL, given[3]);
	derived_set(s, CREATE_KERN, 0);
	hook_output(s);
	return 0;
}

/* An io_uring that had to wait asks again, of a socket that is connecting by then. */
ON_HOOK(socket_connect)
{
	struct given_socket g = {(void *)given[0], (void *)given[1], given[2]};
	struct socket *socket = g.socket;
	struct socket___state *state = (void *)socket;
	struct scratch *s = socket_told(TL_EVENT_SOCKET_CONNECT, &g);

	if (!s)
		return 0;
	if (BPF_CORE_READ(state, state) != SS_UNCONNECTED) {
		hook_release();
		return 0;
	}
	derived_set(s, CONNECT_TYPE, BPF_CORE_READ(socket, type));
	part_address(s, CONNECT_REMOTE, &g);
	hook_output(s);
	return 0;
}

ON_HOOK(socket_bind)
{
	struct given_socket g = {(void *)given[0], (void *)given[1], given[2]};
	struct scratch *s = socket_told(TL_EVENT_SOCKET_BIND, &g);

	if (!s)
		return 0;
	part_address(s, BIND_LOCAL, &g);
	hook_output(s);
	return 0;
}

ON_HOOK(socket_listen)
{
	struct given_socket g = {.socket = (void *)given[0]};
	struct scratch *s = socket_told(TL_EVENT_SOCKET_LISTEN, &g);

	if (!s)
		return 0;
	derived_set(s, LISTEN_BACKLOG, given[1]);
	part_socket(s, LISTEN_LOCAL, g.socket, false);
	hook_output(s);
	return 0;
}

/*
 * A connection was taken, and its end (the first argument) given to a new socket;
 * the hook of the name is asked before one is there.
 */
ON_HOOK(sock_graft)
{
	struct given_socket g = {.socket = (void *)given[1]};
	struct scratch *s = socket_told(TL_EVENT_SOCKET_ACCEPT, &g);

	if (!s)
		return 0;
	part_socket(s, ACCEPT_LOCAL, g.socket, false);
	part_socket(s, ACCEPT_REMOTE, g.socket, true);
	hook_output(s);
	return 0;
}

ON_HOOK(socket_setsockopt)
{
	struct given_socket g = {.socket = (void *)given[0]};
	struct scratch *s = socket_told(TL_EVENT_SOCKET_SETSOCKOPT, &g);

	if (!s)
		return 0;
	derived_set(s, SETSOCKOPT_LEVEL, given[1]);
	derived_set(s, SETSOCKOPT_OPTNAME, given[2]);
	part_socket(s, SETSOCKOPT_LOCAL, g.socket, false);
	hook_output(s);
	return 0;
}
