# SPDX-License-Identifier: Apache-2.0
"""Polling with a deadline, instead of sleeping and hoping."""
import time

STEP_S = 0.01


def until(condition, within_s=5.0, what="the condition"):
    """Returns the first true value of condition(); fails when there is none in time."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within_s} s (last: {value!r})")
        time.sleep(STEP_S)


def until_stable(read, still_s, within_s=5.0, what="the value"):
    """Returns read() once it has not changed for still_s."""
    deadline = time.monotonic() + within_s
    last, since = read(), time.monotonic()
    while time.monotonic() - since < still_s:
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: still changing after {within_s} s (last: {last!r})")
        time.sleep(STEP_S)
        now = read()
        if now != last:
            last, since = now, time.monotonic()
    return last
