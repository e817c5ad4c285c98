/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the headers that kernel programs and user space share are written in. */
#ifndef FLOWGUARD_ABI_TYPES_H
#define FLOWGUARD_ABI_TYPES_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#ifdef __cplusplus
#define FG_STATIC_ASSERT(condition) static_assert(condition, #condition)
#else
#define FG_STATIC_ASSERT(condition) _Static_assert(condition, #condition)
#endif

#ifdef __bpf__
#define FG_INLINE static __attribute__((always_inline)) inline
#define FG_UNROLL _Pragma("unroll")
#else
#define FG_INLINE static inline
#define FG_UNROLL
#endif

#endif
