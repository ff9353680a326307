/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 6: TCP connections as facts of the network, whichever way they were
 * asked for.
 */
#ifndef TRIPLINE_CONNECT_H
#define TRIPLINE_CONNECT_H

#include "hook.h"

/* A socket was told to connect, and has or may have: both ends as the kernel has them. */
static __always_inline void tcp_connect_emit(struct task_struct *task, u16 flags, s64 ret,
					     struct socket *socket)
{
	struct sock *sk = BPF_CORE_READ(socket, sk);
	u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
	struct tl_packet *p;

	if (!event_wanted(TL_EVENT_TCP_CONNECT) || BPF_CORE_READ(socket, type) != SOCK_STREAM ||
	    (family != AF_INET && family != AF_INET6))
		return;
	p = bpf_ringbuf_reserve(&events, sizeof(*p), 0);
	if (!p) {
		count_drop(TL_EVENT_TCP_CONNECT);
		return;
	}
	head_fill(&p->head, task, TL_PACKET, TL_EVENT_TCP_CONNECT);
	p->head.flags = flags;
	p->ret = ret;
	p->family = family;
	p->src_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	p->dst_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	p->length = p->pad = 0;
	__builtin_memset(p->src, 0, sizeof(p->src));
	__builtin_memset(p->dst, 0, sizeof(p->dst));
	if (family == AF_INET) {
		bpf_core_read(p->src, sizeof(u32), &sk->__sk_common.skc_rcv_saddr);
		bpf_core_read(p->dst, sizeof(u32), &sk->__sk_common.skc_daddr);
	} else {
		bpf_core_read(p->src, sizeof(p->src), &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(p->dst, sizeof(p->dst), &sk->__sk_common.skc_v6_daddr);
	}
	bpf_ringbuf_submit(p, BPF_RB_NO_WAKEUP);
}

#endif
