/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One moment on the two clocks that user space has to tie together. */
#ifndef FLOWGUARD_ABI_CLOCK_H
#define FLOWGUARD_ABI_CLOCK_H

#include "types.h"

struct fg_clock_reading {
    __u64 jiffies;
    __u64 boot_ns; /* CLOCK_BOOTTIME */
};
FG_STATIC_ASSERT(sizeof(struct fg_clock_reading) == 16);

#endif
