/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What goes over the network, by programs on the root of the control groups:
 * DNS questions as they leave, and the answers to them. The question's sender
 * is noted with its socket, since answers come while anybody runs. Answers on a
 * socket that has asked nothing are left out, as is DNS by TCP.
 *
 * Packets come in the middle of other programs, whose scratch memory this must
 * not touch: records are built in the ring.
 */
#include "include/hook.h"
#include <bpf/bpf_endian.h>

/* The user API's view of a packet (linux/bpf.h); its data begin with the IP header. */
struct __sk_buff {
	u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto;
	u32 priority, ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid;
	u32 data, data_end, napi_id, family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4];
	u32 remote_port, local_port, data_meta;
	u64 flow_keys, tstamp;
	u32 wire_len, gso_segs;
	struct bpf_sock *sk;
};
struct bpf_sock;

enum {
	IPPROTO_UDP = 17,
	DNS_PORT = 53,
	DNS_HEAD = 12,
	IP6_HEAD = 40,
	/* In a fragment's field: it is not the first. */
	IP_OFFSET = 0x1fff,
	PACKET_PASS = 1,
};

/* Who asked, kept with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tl_head);
} askers SEC(".maps");

struct udp {
	__be16 source, dest, length, check;
};

/* A datagram's addresses, and where its content begins; 0 if it is of no interest. */
static __always_inline u32 packet_udp(struct __sk_buff *skb, struct tl_packet *p)
{
	u8 head[IP6_HEAD] = {};
	struct udp udp;
	u32 at;

	if (bpf_skb_load_bytes(skb, 0, head, 20))
		return 0;
	if (head[0] >> 4 == 4) {
		if (head[9] != IPPROTO_UDP || (head[6] << 8 | head[7]) & IP_OFFSET)
			return 0;
		p->family = AF_INET;
		__builtin_memcpy(p->src, head + 12, 4);
		__builtin_memcpy(p->dst, head + 16, 4);
		at = (head[0] & 15) * 4;
	} else {
		if (bpf_skb_load_bytes(skb, 0, head, IP6_HEAD) || head[6] != IPPROTO_UDP)
			return 0;
		p->family = AF_INET6;
		__builtin_memcpy(p->src, head + 8, 16);
		__builtin_memcpy(p->dst, head + 24, 16);
		at = IP6_HEAD;
	}
	if (bpf_skb_load_bytes(skb, at, &udp, sizeof(udp)))
		return 0;
	p->src_port = bpf_ntohs(udp.source);
	p->dst_port = bpf_ntohs(udp.dest);
	return at + sizeof(udp);
}

struct packet_record {
	struct tl_packet packet;
	struct tl_part part;
	u8 data[TL_PACKET_MAX];
};

static __always_inline void packet_emit(struct __sk_buff *skb, const struct tl_packet *p,
					const struct tl_head *head, u32 event, u32 at, u32 size)
{
	struct packet_record *r;

	if (!event_wanted(event))
		return;
	if (flood_hot(head->pid, event, bpf_ktime_get_boot_ns()) && flood_closed()) {
		count_drop(event);
		return;
	}
	r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
	if (!r) {
		count_drop(event);
		return;
	}
	__builtin_memcpy(&r->packet, p, sizeof(*p));
	__builtin_memcpy(&r->packet.head, head, sizeof(*head));
	r->packet.head.kind = TL_PACKET;
	r->packet.head.event = event;
	r->packet.head.time = bpf_ktime_get_boot_ns();
	r->packet.length = size;
	r->part.id = TL_PART_ARG0;
	r->part.size = sizeof(r->data);
	r->part.omitted = 0;
	if (size > sizeof(r->data)) {
		r->packet.head.flags |= TL_FLAG_TRUNCATED;
		size = sizeof(r->data);
	}
	if (size < DNS_HEAD) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return;
	}
	/* Between one and all, in a way that older verifiers see. */
	size--;
	opaque(size);
	size = (size & (sizeof(r->data) - 1)) + 1;
	if (bpf_skb_load_bytes(skb, at, r->data, size)) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		return;
	}
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	struct task_struct *task;
	struct tl_packet p = {};
	struct bpf_sock *sk;
	struct tl_head *asker;
	u32 at = packet_udp(skb, &p);

	if (!at || p.dst_port != DNS_PORT || skb->len < at)
		return PACKET_PASS;
	task = current_task();
	if (is_out(task) || !skb->sk)
		return PACKET_PASS;
	sk = bpf_sk_fullsock(skb->sk);
	if (!sk)
		return PACKET_PASS;
	asker = bpf_sk_storage_get(&askers, sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!asker)
		return PACKET_PASS;
	head_fill(asker, task, TL_PACKET, TL_EVENT_PACKET_DNS);
	packet_emit(skb, &p, asker, TL_EVENT_PACKET_DNS, at, skb->len - at);
	packet_emit(skb, &p, asker, TL_EVENT_PACKET_DNS_REQUEST, at, skb->len - at);
	return PACKET_PASS;
}

SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *skb)
{
	struct tl_packet p = {};
	struct bpf_sock *sk;
	struct tl_head *asker;
	u32 at = packet_udp(skb, &p);

	if (!at || p.src_port != DNS_PORT || skb->len < at || !skb->sk)
		return PACKET_PASS;
	sk = bpf_sk_fullsock(skb->sk);
	if (!sk)
		return PACKET_PASS;
	asker = bpf_sk_storage_get(&askers, sk, 0, 0);
	if (!asker)
		return PACKET_PASS;
	packet_emit(skb, &p, asker, TL_EVENT_PACKET_DNS, at, skb->len - at);
	packet_emit(skb, &p, asker, TL_EVENT_PACKET_DNS_RESPONSE, at, skb->len - at);
	return PACKET_PASS;
}
