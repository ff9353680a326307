/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 2: which system call it is and what it was given, whatever interface
 * of the kernel it came through.
 */
#ifndef TRIPLINE_CALL_H
#define TRIPLINE_CALL_H

#include "arch.h"
#include "maps.h"

/* What a raw number means to the caller. */
struct call_id {
	u16 event;
	u16 flags;
};

/*
 * Resolves a number and says who wants this very call: TL_GATE_NATIVE for the
 * call itself, TL_GATE_HOOK for what is derived from it, through whichever
 * interface it came.
 */
static __always_inline u8 call_resolve_number(u32 raw, struct task_struct *task, u8 gate,
					      struct call_id *id)
{
	u32 nr = raw & ~X32_BIT & (TL_CALLS - 1);

	if (call_is_compat(task)) {
		id->event = shared.compat[nr];
		id->flags = TL_FLAG_COMPAT;
		gate /= TL_GATE_COMPAT;
	} else if (raw & X32_BIT) {
		/* x32 has numbers of its own from 512 on. */
		id->event = nr < 512 ? shared.native[nr] : shared.compat[nr];
		id->flags = TL_FLAG_X32;
		gate /= TL_GATE_X32;
	} else {
		id->event = shared.native[nr];
		id->flags = 0;
	}
	return gate & (TL_GATE_NATIVE | TL_GATE_HOOK);
}

static __always_inline u8 call_resolve(struct pt_regs *regs, struct task_struct *task, u8 gate,
				       struct call_id *id)
{
	return call_resolve_number(call_number(regs), task, gate, id);
}

/*
 * Puts arguments together that a 32-bit call passes in two registers each.
 * Unrolled: 5.10 does not allow reading the stack at a variable offset.
 */
static __always_inline void call_join(u64 *args, u32 split)
{
#pragma unroll
	for (int i = 0; i < TL_ARGS - 1; i++) {
		if (!(split >> i & 1))
			continue;
		args[i] |= args[i + 1] << 32;
#pragma unroll
		for (int j = i + 1; j < TL_ARGS - 1; j++)
			args[j] = args[j + 1];
		args[TL_ARGS - 1] = 0;
	}
}

static __always_inline void call_args_any(struct pt_regs *regs, u16 flags,
					  const struct tl_call *call, u64 *args)
{
	if (!(flags & TL_FLAG_COMPAT)) {
		call_args(regs, args);
		return;
	}
	call_args_compat(regs, args);
	if (call->split)
		call_join(args, call->split);
}

#endif
