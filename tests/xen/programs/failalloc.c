// SPDX-License-Identifier: GPL-2.0
/*
 * failalloc - a kernel module that lets another module run out of memory.
 *
 *	insmod failalloc.ko start=ADDRESS end=ADDRESS
 *
 * Allocations that are called from between the two addresses (/proc/modules)
 * fail as /sys/module/failalloc/parameters says:
 *
 *	from	the nth one since "seen" was set to 0, and all later ones; 0: none
 *	every	each one whose number can be divided by this; 0: none
 *	seen	such calls so far
 *	failed	how many of them failed
 *
 * Allocators are probed where they begin; one that is to fail returns at once
 * instead, as the kernel's own error injection does, which Debian leaves out.
 */
#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>

static unsigned long start, end;
static int from, every;
static atomic_t seen, failed;

module_param(start, ulong, 0400);
module_param(end, ulong, 0400);
module_param(from, int, 0600);
module_param(every, int, 0600);
module_param_named(seen, seen.counter, int, 0600);
module_param_named(failed, failed.counter, int, 0600);

void failalloc_return(void);
asm(".text\n"
    ".type failalloc_return, @function\n"
    "failalloc_return:\n"
    ASM_RET
    ".size failalloc_return, . - failalloc_return\n");

static bool hit(unsigned long caller)
{
	int n;

	if (caller < start || caller >= end)
		return false;
	n = atomic_inc_return(&seen);
	if ((!from || n < from) && (!every || n % every))
		return false;
	atomic_inc(&failed);
	return true;
}

struct allocator {
	struct kprobe probe;
	long result;
};

static int allocator_called(struct kprobe *probe, struct pt_regs *regs)
{
	if (!hit(*(unsigned long *)regs->sp))
		return 0;
	regs->ax = container_of(probe, struct allocator, probe)->result;
	regs->ip = (unsigned long)failalloc_return;
	return 1;
}

#define ALLOCATOR(name, value)                                                 \
	{                                                                      \
		.probe.symbol_name = name,                                     \
		.probe.pre_handler = allocator_called, .result = value         \
	}

static struct allocator allocators[] = {
	ALLOCATOR("kmalloc_trace", 0),
	ALLOCATOR("__kmalloc", 0),
	ALLOCATOR("kvmalloc_node", 0),
	ALLOCATOR("vzalloc", 0),
	ALLOCATOR("kmemdup", 0),
	ALLOCATOR("sock_create_kern", -ENOMEM),
	ALLOCATOR("gnttab_grant_foreign_access", -ENOSPC),
	ALLOCATOR("xenbus_alloc_evtchn", -ENOSPC),
	ALLOCATOR("bind_evtchn_to_irqhandler_lateeoi", -ENOMEM),
};

static void unregister(unsigned int n)
{
	while (n--)
		unregister_kprobe(&allocators[n].probe);
}

static int __init failalloc_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(allocators); i++) {
		err = register_kprobe(&allocators[i].probe);
		if (err) {
			pr_err("failalloc: %s: %d\n",
			       allocators[i].probe.symbol_name, err);
			unregister(i);
			return err;
		}
	}
	return 0;
}

static void __exit failalloc_exit(void)
{
	unregister(ARRAY_SIZE(allocators));
}

module_init(failalloc_init);
module_exit(failalloc_exit);
MODULE_DESCRIPTION("lets the allocations of one module fail");
MODULE_LICENSE("GPL");
