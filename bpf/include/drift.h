/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 1: what differs between kernel versions, and nowhere else.
 *
 * A type with three underscores and a suffix is the same kernel type as seen
 * by another version; the loader drops the branch whose field does not exist.
 */
#ifndef TRIPLINE_DRIFT_H
#define TRIPLINE_DRIFT_H

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};
/* Until 6.5: plain structures. */
struct inode___plain {
	struct timespec64 i_ctime, i_mtime;
};
/* 6.6: ctime behind accessors (13bc24457850). */
struct inode___accessor {
	struct timespec64 __i_ctime;
};
/* 6.7 to 6.10: mtime too (12cd44023651). */
struct inode___accessors {
	struct timespec64 __i_mtime;
};
/* From 6.11: seconds and nanoseconds apart (3aa63a569c64). */
struct inode___split {
	s64 i_ctime_sec, i_mtime_sec;
	u32 i_ctime_nsec, i_mtime_nsec;
};

#pragma clang attribute pop

/* Keeps the compiler from forgetting a bound that the verifier needs. */
#define opaque(x) asm volatile("" : "+r"(x))

/* Helpers that some kernels lack; the numbers are the user API's. */
enum bpf_func_id {
	BPF_FUNC_get_current_task_btf = 158, /* 5.11 */
	BPF_FUNC_task_pt_regs = 175,	     /* 5.15 */
	BPF_FUNC_find_vma = 180,	     /* 5.17 */
	BPF_FUNC_get_func_ret = 184,	     /* 5.17 */
};
#define HAVE_HELPER(name) bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_##name)

/* The task that runs: with its type where the kernel tells it, else an address. */
static __always_inline struct task_struct *current_task(void)
{
	if (HAVE_HELPER(get_current_task_btf))
		return bpf_get_current_task_btf();
	return (void *)bpf_get_current_task();
}

/*
 * Reads a field of what current_task leads to: a plain load where the verifier
 * knows the type, else a copy by a helper. The loader decides, and the branch
 * that is not taken is gone from the program.
 */
#define LOAD(p, field)                                                                             \
	({                                                                                         \
		__auto_type from_ = (p);                                                           \
		HAVE_HELPER(get_current_task_btf) ? from_->field : BPF_CORE_READ(from_, field);    \
	})

/* From 6.2 (a35b9af4ec2c). */
extern void *bpf_rdonly_cast(const void *object, u32 type) __ksym __weak;

/*
 * Reads a field of a kernel object that may be gone, or one that a chain of
 * fields leads to: loads that yield zero where they fault if the kernel allows
 * that, elsewhere copies by a helper, each of which costs ten times as much.
 */
#define PEEK(p, ...)			  PEEK_COUNT(__VA_ARGS__, PEEK_4, PEEK_3, PEEK_2, PEEK_1)(p, __VA_ARGS__)
#define PEEK_COUNT(a, b, c, d, name, ...) name
#define PEEK_4(p, a, b, c, d)		  PEEK_1(PEEK_3(p, a, b, c), d)
#define PEEK_3(p, a, b, c)		  PEEK_1(PEEK_2(p, a, b), c)
#define PEEK_2(p, a, b)			  PEEK_1(PEEK_1(p, a), b)
#define PEEK_1(p, field)                                                                           \
	({                                                                                         \
		__auto_type object_ = (p);                                                         \
		CAN_PEEK ? CAST(object_)->field : BPF_CORE_READ(object_, field);                   \
	})
#define CAN_PEEK bpf_ksym_exists(bpf_rdonly_cast)
#define CAST(p)	 ((typeof(p))bpf_rdonly_cast((p), bpf_core_type_id_kernel(typeof(*(p)))))

/* Eight bytes at any address: for the verifier, the first of a structure that begins so. */
static __always_inline u64 peek_word(const void *at)
{
	return PEEK((struct timespec64 *)at, tv_sec);
}

/*
 * How many bytes a string of the caller's memory has, its zero included; not
 * positive if it cannot be read. Up to 6.12 the helper says 0 of an empty one.
 * Without a branch, which the verifier would follow to the end for each string.
 */
static __always_inline long read_user_string(void *to, u32 size, const void *from)
{
	long n = bpf_probe_read_user_str(to, size, from);

	asm volatile("" : "+r"(n));
	return n - ((n - 1) >> 63);
}

#define NS_PER_SECOND 1000000000ll
/* Since 6.13 the top bit of the ctime's nanoseconds says that it was looked at. */
#define CTIME_QUERIED 0x80000000u

static __always_inline s64 inode_ctime(struct inode *inode)
{
	struct inode___split *split = (void *)inode;
	struct inode___accessor *accessor = (void *)inode;
	struct inode___plain *plain = (void *)inode;

	if (bpf_core_field_exists(split->i_ctime_sec))
		return PEEK(split, i_ctime_sec) * NS_PER_SECOND +
		       (PEEK(split, i_ctime_nsec) & ~CTIME_QUERIED);
	if (bpf_core_field_exists(accessor->__i_ctime))
		return PEEK(accessor, __i_ctime.tv_sec) * NS_PER_SECOND +
		       PEEK(accessor, __i_ctime.tv_nsec);
	return PEEK(plain, i_ctime.tv_sec) * NS_PER_SECOND + PEEK(plain, i_ctime.tv_nsec);
}

static __always_inline s64 inode_mtime(struct inode *inode)
{
	struct inode___split *split = (void *)inode;
	struct inode___accessors *accessors = (void *)inode;
	struct inode___plain *plain = (void *)inode;

	if (bpf_core_field_exists(split->i_mtime_sec))
		return PEEK(split, i_mtime_sec) * NS_PER_SECOND + PEEK(split, i_mtime_nsec);
	if (bpf_core_field_exists(accessors->__i_mtime))
		return PEEK(accessors, __i_mtime.tv_sec) * NS_PER_SECOND +
		       PEEK(accessors, __i_mtime.tv_nsec);
	return PEEK(plain, i_mtime.tv_sec) * NS_PER_SECOND + PEEK(plain, i_mtime.tv_nsec);
}

/*
 * Capabilities: two words of 32 bits until 6.2, one of 64 since (f122a08b197d).
 * The bytes are the same, so they are read as bytes.
 */
static __always_inline u64 capabilities(const kernel_cap_t *set)
{
	return peek_word(set);
}

/*
 * An overlay's inode lies in struct ovl_inode, with the dentry in the upper
 * directory right behind it (4.13 to 6.18). Overlay is often a module, whose
 * types are not in the kernel's BTF, so the offset is struct inode's size.
 */
static __always_inline bool overlay_upper(struct inode *inode)
{
	struct dentry *upper = (void *)peek_word((void *)inode + bpf_core_type_size(struct inode));

	return upper && PEEK(upper, d_inode);
}

#endif
