/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 3: the variable parts of a record. Each function appends one part and
 * appends nothing when the memory cannot be read: the reader then reports the
 * value as absent instead of inventing one.
 */
#ifndef TRIPLINE_PARTS_H
#define TRIPLINE_PARTS_H

#include "drift.h"
#include "maps.h"

static __always_inline void truncated(struct scratch *s)
{
	((struct tl_head *)s->data)->flags |= TL_FLAG_TRUNCATED;
}

/* Where the next part goes, or null when the record is full. */
static __always_inline struct tl_part *part_next(struct scratch *s)
{
	u32 used = s->used;

	opaque(used);
	if (used > RECORD_LIMIT) {
		truncated(s);
		return 0;
	}
	return (struct tl_part *)(s->data + used);
}

static __always_inline void part_end(struct scratch *s, struct tl_part *part, u16 id, u32 size,
				     u32 omitted)
{
	part->id = id;
	part->size = size;
	part->omitted = omitted;
	if (omitted)
		truncated(s);
	s->used += sizeof(*part) + ((size + 7) & ~7u);
}

static __always_inline bool part_string(struct scratch *s, u16 id, const void *from, bool user)
{
	struct tl_part *part = part_next(s);
	long n;

	if (!part || !from)
		return false;
	if (user)
		n = read_user_string(part + 1, TL_STRING_MAX, from);
	else
		n = bpf_probe_read_kernel_str(part + 1, TL_STRING_MAX, from);
	if (n < 1 || n > TL_STRING_MAX)
		return false;
	part_end(s, part, id, n - 1, n == TL_STRING_MAX);
	return true;
}

/* Memory of the process, at most max (a constant) bytes of it. */
static __always_inline bool part_memory(struct scratch *s, u16 id, const void *from, u64 size,
					u32 max)
{
	struct tl_part *part = part_next(s);
	u32 n = size > max ? max : size;
	u64 omitted = size - n;

	if (!part || !from)
		return false;
	opaque(n);
	if (n > max)
		return false;
	if (n && bpf_probe_read_user(part + 1, n, from))
		return false;
	part_end(s, part, id, n, omitted > 0xffffffff ? 0xffffffff : omitted);
	return true;
}

/* The beginning of a buffer. */
static __always_inline bool part_bytes(struct scratch *s, u16 id, const void *from, u64 size,
				       u32 max)
{
	u64 n = size > max ? max : size;

	if (n > TL_BYTES_MAX)
		n = TL_BYTES_MAX;
	if (!part_memory(s, id, from, n, TL_BYTES_MAX))
		return false;
	if (size > n)
		truncated(s);
	return true;
}

/* A list of strings as execve takes it: pointers, ended by a null pointer. */
static __always_inline bool part_strings(struct scratch *s, u16 id, const void *list, u32 width)
{
	struct tl_part *part = part_next(s);
	u32 omitted = 1;

	if (!part || !list)
		return false;
	s->at = 0;
	for (int i = 0; i < TL_LIST_ITEMS; i++) {
		u32 at = s->at;
		u64 item = 0;
		long n;

		if (bpf_probe_read_user(&item, width & 8 ? 8 : 4, list + i * width))
			break;
		if (!item) {
			omitted = 0;
			break;
		}
		opaque(at);
		if (at >= TL_LIST_MAX)
			break;
		n = read_user_string((u8 *)(part + 1) + at, TL_STRING_MAX, (void *)item);
		if (n < 1)
			break;
		if (at + n > TL_LIST_MAX) {
			s->at = TL_LIST_MAX;
			break;
		}
		s->at = at + n;
	}
	part_end(s, part, id, s->at, omitted);
	return true;
}

#endif
