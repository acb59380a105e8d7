"""Tuning of a kernel: its fastest variant, the time of a call, and the calls that make a run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from energybench_workloads.common import synchronise

if TYPE_CHECKING:
    import torch

Call = Callable[[], "torch.Tensor"]

# A run repeats its kernel for so long: the sustained rate is wanted, not a short burst
RUN_S = 0.25
# Longest duration of a single product: larger products are not tried
LONGEST_S = 2.0
# Number of timed batches of a kernel, and least duration of a batch
_TRIES, _BATCH_S = 5, 0.05


def fastest(calls: Mapping[str, Call], device: torch.device) -> str:
    """The name of the call with the shortest time. The calls take turns, so that a slow moment of
    the machine does not decide against a single call.
    """
    shortest = dict.fromkeys(calls, math.inf)
    for _ in range(_TRIES if len(calls) > 1 else 0):
        for name, call in calls.items():
            shortest[name] = min(shortest[name], _time(call, device))
    return min(shortest, key=lambda name: shortest[name])


def seconds(call: Call, device: torch.device) -> float:
    """Time of one call in the fastest of a few batches: the sustained rate.

    A first call, which loads libraries, does not count.
    """
    first = _time(call, device)
    if first > LONGEST_S:
        return first
    batch = max(1, math.ceil(_BATCH_S / max(_time(call, device), 1e-6)))
    return min(_time(call, device, batch) for _ in range(_TRIES if batch > 1 else 2)) / batch


def calls_in_a_run(call_s: float) -> int:
    """Calls of `call_s` seconds that make a run of `RUN_S`."""
    return max(1, math.ceil(RUN_S / max(call_s, 1e-6)))


def _time(call: Call, device: torch.device, times: int = 1) -> float:
    """Seconds of `times` calls together."""
    synchronise(device)
    start = time.perf_counter()
    for _ in range(times):
        call()
    synchronise(device)
    return time.perf_counter() - start
