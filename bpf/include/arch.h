/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 1: how an architecture makes system calls. The registers are read
 * directly, which the verifier allows for the arguments of tp_btf programs.
 */
#ifndef TRIPLINE_ARCH_H
#define TRIPLINE_ARCH_H

#include "drift.h"
#include "record.h"

#if defined(__TARGET_ARCH_x86)

#define X32_BIT	  0x40000000u
#define TS_COMPAT 2

/* The number as the caller gave it; at exit it is still in orig_ax. */
static __always_inline u32 call_number(struct pt_regs *regs)
{
	return regs->orig_ax;
}

static __always_inline u32 call_number_of(struct pt_regs *regs)
{
	return BPF_CORE_READ(regs, orig_ax);
}

/* A call by int 0x80 (or a 32-bit sysenter), with i386 numbers and registers. */
static __always_inline bool call_is_compat(struct task_struct *task)
{
	return LOAD(task, thread_info.status) & TS_COMPAT;
}

static __always_inline u64 call_first(struct pt_regs *regs, bool compat)
{
	return compat ? (u32)regs->bx : regs->di;
}

static __always_inline u64 call_first_of(struct pt_regs *regs, bool compat)
{
	return compat ? (u32)BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di);
}

static __always_inline void call_args(struct pt_regs *regs, u64 *args)
{
	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->r10;
	args[4] = regs->r8;
	args[5] = regs->r9;
}

static __always_inline void call_args_compat(struct pt_regs *regs, u64 *args)
{
	args[0] = (u32)regs->bx;
	args[1] = (u32)regs->cx;
	args[2] = (u32)regs->dx;
	args[3] = (u32)regs->si;
	args[4] = (u32)regs->di;
	args[5] = (u32)regs->bp;
}

#else /* arm64 */

#define X32_BIT	  0
#define TIF_32BIT 22

static __always_inline u32 call_number(struct pt_regs *regs)
{
	return regs->syscallno;
}

static __always_inline u32 call_number_of(struct pt_regs *regs)
{
	return BPF_CORE_READ(regs, syscallno);
}

static __always_inline bool call_is_compat(struct task_struct *task)
{
	return LOAD(task, thread_info.flags) & (1ul << TIF_32BIT);
}

/* The result replaces the first argument, which is kept in orig_x0. */
static __always_inline u64 call_first(struct pt_regs *regs, bool compat)
{
	return compat ? (u32)regs->orig_x0 : regs->orig_x0;
}

static __always_inline u64 call_first_of(struct pt_regs *regs, bool compat)
{
	u64 first = BPF_CORE_READ(regs, orig_x0);

	return compat ? (u32)first : first;
}

static __always_inline void call_args(struct pt_regs *regs, u64 *args)
{
	args[0] = regs->orig_x0;
	args[1] = regs->regs[1];
	args[2] = regs->regs[2];
	args[3] = regs->regs[3];
	args[4] = regs->regs[4];
	args[5] = regs->regs[5];
}

static __always_inline void call_args_compat(struct pt_regs *regs, u64 *args)
{
	args[0] = (u32)regs->orig_x0;
	args[1] = (u32)regs->regs[1];
	args[2] = (u32)regs->regs[2];
	args[3] = (u32)regs->regs[3];
	args[4] = (u32)regs->regs[4];
	args[5] = (u32)regs->regs[5];
}

#endif

/* Of both architectures with pages of 4 KiB, where kernels lack bpf_task_pt_regs. */
enum { THREAD_SIZE = 16384 };

/* Where the registers of a task's call are, on kernels that do not say. */
static __always_inline struct pt_regs *task_regs(struct task_struct *task)
{
	return (void *)LOAD(task, stack) + THREAD_SIZE - bpf_core_type_size(struct pt_regs);
}

/* The raw number of the call that the task is in; not below TL_CALLS if it is in none. */
static __always_inline u32 task_call_number(struct task_struct *task)
{
	if (HAVE_HELPER(task_pt_regs))
		return call_number((struct pt_regs *)bpf_task_pt_regs(task));
	return call_number_of(task_regs(task));
}

/* The first argument of the call that the task is in. */
static __always_inline u64 task_call_first(struct task_struct *task, bool compat)
{
	if (HAVE_HELPER(task_pt_regs))
		return call_first((struct pt_regs *)bpf_task_pt_regs(task), compat);
	return call_first_of(task_regs(task), compat);
}

#endif
