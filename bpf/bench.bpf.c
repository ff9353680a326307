/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What a program costs that does nothing: the measure for those that do. */
#include "include/kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sys_exit")
int BPF_PROG(bare_exit, struct pt_regs *regs, long ret)
{
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(bare_enter, struct pt_regs *regs)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
