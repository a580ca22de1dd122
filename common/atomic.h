/* SPDX-License-Identifier: GPL-2.0 */
/*
 * atomic.h - access to memory that another domain writes at the same time.
 *
 * Compiles in the kernel and in user space. GCC's builtins are used in both:
 * the kernel's own smp_*() forms are patched out on a machine with one CPU,
 * but the other domain runs on another CPU all the same.
 *
 * Every access to shared memory goes through one of these, once, into a local
 * copy; the copy is checked and only the copy is used (XSA-155).
 */
#ifndef COMMON_ATOMIC_H
#define COMMON_ATOMIC_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

#define vtoe_load(p)		 __atomic_load_n(p, __ATOMIC_RELAXED)
#define vtoe_load_acquire(p)	 __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define vtoe_store(p, v)	 __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define vtoe_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define vtoe_fetch_or(p, v)	 __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define vtoe_exchange(p, v)	 __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define vtoe_full_barrier()	 __atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif /* COMMON_ATOMIC_H */
