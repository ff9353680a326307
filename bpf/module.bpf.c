/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What extends the kernel, and what threads are called: modules that begin and
 * end, BPF programs and maps that somebody gets hold of, and new names.
 */
#include "include/hook.h"
#include <bpf/bpf_tracing.h>

enum {
	MODULE_NAME = 0,
	MODULE_VERSION,
	MODULE_SRC_VERSION,

	SECURITY_BPF_CMD = 0,

	SECURITY_MAP_ID = 0,
	SECURITY_MAP_NAME,

	SECURITY_PROG_TYPE = 0,
	SECURITY_PROG_NAME,
	SECURITY_PROG_ID,
	SECURITY_PROG_LOAD,

	RENAME_OLD_NAME = 0,
	RENAME_NEW_NAME,

	/* linux/bpf.h */
	BPF_CMD_MAP_CREATE = 0,
	BPF_CMD_PROG_LOAD = 5,
	BPF_CMD_PROG_GET_FD_BY_ID = 13,
	BPF_CMD_MAP_GET_FD_BY_ID = 14,
};

/* The names are in the catalogue. */
enum bpf_prog_type { BPF_PROG_TYPE_UNSPEC };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct module {
	char name[56];
	const char *version, *srcversion;
};
struct bpf_map {
	u32 id;
	char name[16];
};
struct bpf_prog_aux {
	u32 id;
	char name[16];
};
struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
};

#pragma clang attribute pop

static __always_inline int module_emit(struct module *mod, u32 event)
{
	struct task_struct *task = current_task();
	struct scratch *s;

	if (!event_wanted(event) || is_out(task))
		return 0;
	s = derived_begin(task, event, 0, 0);
	if (!s)
		return 0;
	part_string(s, MODULE_NAME, mod->name, false);
	part_string(s, MODULE_VERSION, BPF_CORE_READ(mod, version), false);
	part_string(s, MODULE_SRC_VERSION, BPF_CORE_READ(mod, srcversion), false);
	derived_output(s);
	return 0;
}

SEC("tp_btf/module_load")
int BPF_PROG(on_module_load, struct module *mod)
{
	return module_emit(mod, TL_EVENT_MODULE_LOAD);
}

SEC("tp_btf/module_free")
int BPF_PROG(on_module_free, struct module *mod)
{
	return module_emit(mod, TL_EVENT_MODULE_FREE);
}

/* A thread gets a name, its own or another's of the same process. */
SEC("tp_btf/task_rename")
int BPF_PROG(on_rename, struct task_struct *renamed, const char *name)
{
	struct task_struct *task = current_task();
	struct scratch *s;

	if (!event_wanted(TL_EVENT_TASK_RENAME) || is_out(task))
		return 0;
	s = derived_begin(task, TL_EVENT_TASK_RENAME, 0, 0);
	if (!s)
		return 0;
	part_string(s, RENAME_OLD_NAME, renamed->comm, false);
	part_string(s, RENAME_NEW_NAME, name, false);
	derived_output(s);
	return 0;
}

static __always_inline void bpf_map_emit(const struct hook *h, struct file *file)
{
	struct bpf_map *map = BPF_CORE_READ(file, private_data);
	struct scratch *s = hook_begin(h, TL_EVENT_BPF_MAP);

	if (!s)
		return;
	derived_set(s, SECURITY_MAP_ID, BPF_CORE_READ(map, id));
	part_string(s, SECURITY_MAP_NAME, map->name, false);
	derived_output(s);
}

static __always_inline void bpf_prog_emit(const struct hook *h, struct file *file)
{
	struct bpf_prog *prog = BPF_CORE_READ(file, private_data);
	struct bpf_prog_aux *aux = BPF_CORE_READ(prog, aux);
	struct scratch *s = hook_begin(h, TL_EVENT_BPF_PROG);

	if (!s)
		return;
	derived_set(s, SECURITY_PROG_TYPE, BPF_CORE_READ(prog, type));
	derived_set(s, SECURITY_PROG_ID, BPF_CORE_READ(aux, id));
	derived_set(s, SECURITY_PROG_LOAD, h->args[0] == BPF_CMD_PROG_LOAD);
	part_string(s, SECURITY_PROG_NAME, aux->name, false);
	derived_output(s);
}

/* The bpf call. Attempts that fail are told too, with the reason as the result. */
SEC("tp_btf/sys_exit")
int BPF_PROG(exit_bpf, struct pt_regs *regs, long ret)
{
	struct scratch *s;
	struct file *file;
	struct hook h;
	u32 cmd;

	hook_fill(&h, regs, ret);
	cmd = h.args[0];
	h.args[0] = cmd;
	if (event_left(TL_EVENT_BPF)) {
		s = hook_begin(&h, TL_EVENT_BPF);
		if (!s)
			return 0;
		derived_set(s, SECURITY_BPF_CMD, cmd);
		derived_output(s);
	}
	if (ret < 0)
		return 0;
	file = file_of(h.task, ret);
	if (!file)
		return 0;
	switch (cmd) {
	case BPF_CMD_MAP_CREATE:
	case BPF_CMD_MAP_GET_FD_BY_ID:
		if (event_left(TL_EVENT_BPF_MAP))
			bpf_map_emit(&h, file);
		break;
	case BPF_CMD_PROG_LOAD:
	case BPF_CMD_PROG_GET_FD_BY_ID:
		if (event_left(TL_EVENT_BPF_PROG))
			bpf_prog_emit(&h, file);
		break;
	}
	return 0;
}
