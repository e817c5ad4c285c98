/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fixed-width integer names for headers that the kernel programs and user space share. */
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

#endif
