/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Signals: who sent what to whom, whatever call it came of, and also what the
 * kernel itself sends. Those that a timer or a terminal's interrupt sends are
 * sent while some thread happens to run, which is not their sender: the code
 * (linux/asm-generic/siginfo.h) says where a signal comes from.
 *
 * An interrupt may come in the middle of another program, whose scratch memory
 * this must not touch: the record is built in the ring.
 */
#include "include/task.h"
#include <bpf/bpf_tracing.h>

enum {
	SIGNAL_SIG = 0,
	SIGNAL_CODE,
	SIGNAL_COMM,
	SIGNAL_PID,
	SIGNAL_GROUP,
	SIGNAL_RESULT,

	SI_USER = 0,
	SI_KERNEL = 0x80,
	/* In place of a pointer to what is known of the signal. */
	SEND_SIG_NOINFO = 0,
	SEND_SIG_PRIV = 1,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernel_siginfo {
	int si_code;
};

#pragma clang attribute pop

struct signal_record {
	struct tl_derived derived;
	struct tl_part part;
	char comm[TL_COMM];
};

/* Arguments: sig, info (not always a pointer), task, group, result. */
SEC("tp_btf/signal_generate")
int on_signal(u64 *ctx)
{
	struct task_struct *task = current_task(), *to;
	struct kernel_siginfo *info = (void *)ctx[1];
	struct signal_record *r;
	u32 sig = ctx[0];
	u64 time;

	if (!event_wanted(TL_EVENT_SIGNAL_GENERATE) || is_out(task))
		return 0;
	to = (void *)ctx[2];
	time = bpf_ktime_get_boot_ns();
	/* It may be an interrupt's doing, in the midst of another record: no fold. */
	if (flood_hot(LOAD(task, tgid), TL_EVENT_SIGNAL_GENERATE, time) && flood_closed()) {
		count_drop(TL_EVENT_SIGNAL_GENERATE);
		return 0;
	}
	r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
	if (!r) {
		count_drop(TL_EVENT_SIGNAL_GENERATE);
		return 0;
	}
	head_fill_at(&r->derived.head, task, TL_DERIVED, TL_EVENT_SIGNAL_GENERATE, time);
	r->derived.ret = 0;
	r->derived.present = 1 << SIGNAL_SIG | 1 << SIGNAL_CODE | 1 << SIGNAL_PID |
			     1 << SIGNAL_GROUP | 1 << SIGNAL_RESULT;
	__builtin_memset(r->derived.args, 0, sizeof(r->derived.args));
	r->derived.args[SIGNAL_SIG] = sig;
	if ((u64)info == SEND_SIG_NOINFO)
		r->derived.args[SIGNAL_CODE] = SI_USER;
	else if ((u64)info == SEND_SIG_PRIV)
		r->derived.args[SIGNAL_CODE] = SI_KERNEL;
	else
		r->derived.args[SIGNAL_CODE] = (s64)PEEK(info, si_code);
	r->derived.args[SIGNAL_PID] = PEEK(to, pid);
	r->derived.args[SIGNAL_GROUP] = !!ctx[3];
	r->derived.args[SIGNAL_RESULT] = (s32)ctx[4];
	comm_fill(r->comm, to);
	r->part.id = SIGNAL_COMM;
	r->part.size = sizeof(r->comm);
	r->part.omitted = 0;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}
