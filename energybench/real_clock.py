"""Clock and sleep of the system, whatever a test or a program has put in place of `time.monotonic`,
`time.perf_counter` or `time.sleep`.

The functions are taken when this module is imported. Libraries that freeze the time look for
functions of `time` by identity in every module, and find none here: CLOCK_MONOTONIC is read through
`clock_gettime`, as `time.monotonic` does on Linux.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

monotonic: Callable[[], float] = partial(time.clock_gettime, time.CLOCK_MONOTONIC)
"""Seconds on CLOCK_MONOTONIC, the clock of all windows and samples."""

sleep: Callable[[float], None] = partial(time.sleep)
