/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Layer 3: the path of a file as the kernel knows it, from its dentry up to
 * the root of the mount namespace. No user memory is involved.
 */
#ifndef TRIPLINE_PATH_H
#define TRIPLINE_PATH_H

#include "drift.h"
#include "parts.h"

enum {
	PATH_END = 4096,
	PATH_COMPONENTS = 64,
	/* Of the longest name, and of those that are copied in words. */
	NAME_MAX = 255,
	NAME_WORDS = 8,
};

/*
 * The path is built backwards, so that it ends at PATH_END. Where the walk is
 * lies in here as plain numbers: for the verifier each turn begins alike then.
 */
struct path_buffer {
	volatile u64 dentry, mount, root;
	u64 walked_dentry, walked_mount; /* whose path is in text */
	u32 start;
	u32 whole; /* reached the root */
	u8 text[PATH_END + 256];
};

/* One for tracepoints' programs, and one for those on kernel hooks. */
enum { PATH_TRACEPOINT, PATH_HOOK, PATH_BUFFERS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PATH_BUFFERS);
	__type(key, u32);
	__type(value, struct path_buffer);
} path_buffers SEC(".maps");

/*
 * Copies a name to the front of a path. A short one, as most are, in whole words:
 * what the last has too much is put right again.
 */
static __always_inline bool path_name(u8 *to, const u8 *name, u32 length)
{
	u64 behind;

	if (!CAN_PEEK || length > NAME_WORDS * sizeof(u64))
		return !bpf_probe_read_kernel(to, length, name);
	behind = *(u64 *)(to + length);
	for (u32 i = 0; i < NAME_WORDS; i++) {
		if (i * sizeof(u64) >= length)
			break;
		((u64 *)to)[i] = peek_word(name + i * sizeof(u64));
	}
	*(u64 *)(to + length) = behind;
	return true;
}

/*
 * Puts one name in front. The position lives in map memory: kept in a
 * register, the verifier would follow each of its values through every turn.
 */
static __always_inline bool path_prepend(struct path_buffer *b, struct dentry *dentry, bool slash)
{
	u32 length = PEEK(dentry, d_name.len) & NAME_MAX;
	const u8 *name = PEEK(dentry, d_name.name);
	u32 start = b->start - length - slash;

	opaque(start);
	if (start >= PATH_END)
		return false;
	if (!path_name(b->text + start + slash, name, length))
		return false;
	if (slash)
		b->text[start] = '/';
	b->start = start;
	return true;
}

static __always_inline struct path_buffer *path_buffer_at(u32 which)
{
	return bpf_map_lookup_elem(&path_buffers, &which);
}

static __always_inline struct path_buffer *path_buffer(void)
{
	return path_buffer_at(PATH_TRACEPOINT);
}

/*
 * Puts the path of the buffer's dentry and mount into it. A function of its own
 * is verified once a program, instead of once for each way to get here; it
 * takes numbers, and what is read from a map is a number.
 */
__attribute__((noinline)) int path_walk_buffer(u32 which)
{
	struct path_buffer *b = path_buffer_at(which);
	struct mount *mount;

	if (!b)
		return 0;
	mount = (void *)b->mount;
	b->root = (u64)PEEK(mount, mnt.mnt_root);
	b->start = PATH_END;
	b->whole = 0;
	for (int i = 0; i < PATH_COMPONENTS; i++) {
		struct dentry *dentry = (void *)b->dentry;
		u64 at = (u64)dentry, parent = (u64)PEEK(dentry, d_parent);

		if (at == b->root || at == parent) {
			struct mount *above;

			mount = (void *)b->mount;
			above = PEEK(mount, mnt_parent);
			if (!above || above == mount || at != b->root) {
				b->whole = 1;
				break;
			}
			b->dentry = (u64)PEEK(mount, mnt_mountpoint);
			b->mount = (u64)above;
			b->root = (u64)PEEK(above, mnt.mnt_root);
			continue;
		}
		if (!path_prepend(b, dentry, true))
			return 0;
		b->dentry = parent;
	}
	/* A memfd, a pipe or a socket has a name but no place. */
	if (b->start == PATH_END)
		path_prepend(b, (void *)b->dentry, false);
	return 0;
}

/* Puts the path of a name, which need not be a file's yet, into a buffer. */
static __always_inline void path_walk(u32 which, struct path_buffer *b, struct dentry *dentry,
				      struct vfsmount *mnt)
{
	b->dentry = (u64)dentry;
	b->mount = (u64)container_of(mnt, struct mount, mnt);
	path_walk_buffer(which);
}

/* Appends the path that is in the buffer. */
static __always_inline bool part_walked(struct scratch *s, u16 id, struct path_buffer *b)
{
	struct tl_part *part = part_next(s);
	u32 start = b->start, n;

	opaque(start);
	if (!part || start >= PATH_END)
		return false;
	n = PATH_END - start;
	opaque(n);
	if (n > TL_STRING_MAX || bpf_probe_read_kernel(part + 1, n, b->text + start))
		return false;
	part_end(s, part, id, n, !b->whole);
	return true;
}

/* The path of a name, by way of a buffer. */
static __always_inline bool part_dentry(struct scratch *s, u16 id, struct dentry *dentry,
					struct vfsmount *mnt, u32 which)
{
	struct path_buffer *b = path_buffer_at(which);

	if (!b)
		return false;
	path_walk(which, b, dentry, mnt);
	return part_walked(s, id, b);
}

static __always_inline bool part_path(struct scratch *s, u16 id, struct path *path)
{
	struct dentry *dentry = PEEK(path, dentry);
	struct path_buffer *b = path_buffer();

	if (!b || !dentry)
		return false;
	path_walk(PATH_TRACEPOINT, b, dentry, PEEK(path, mnt));
	b->walked_dentry = (u64)dentry;
	b->walked_mount = (u64)PEEK(path, mnt);
	return part_walked(s, id, b);
}

/* From here on part_path_again knows what was walked; nothing yet. */
static __always_inline void path_forget(void)
{
	struct path_buffer *b = path_buffer();

	if (b)
		b->walked_dentry = 0;
}

/*
 * As part_path, for a program that calls are passed on to by one that has
 * called path_forget: what that walked last is not walked again.
 */
static __always_inline bool part_path_again(struct scratch *s, u16 id, struct path *path)
{
	struct path_buffer *b = path_buffer();

	if (b && b->walked_dentry && b->walked_dentry == (u64)PEEK(path, dentry) &&
	    b->walked_mount == (u64)PEEK(path, mnt))
		return part_walked(s, id, b);
	return part_path(s, id, path);
}

#endif
