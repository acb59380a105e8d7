"""Memory of a step, counted by torch's own allocators: every tensor and workspace handed out, to
the byte.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from energybench.errors import DoesNotFit
from energybench.model import Estimate, Memory

if TYPE_CHECKING:
    import torch

# Number of steps counted: steps allocate alike, unless a library chooses another algorithm
STEPS = 2
ON_CUDA = "torch.cuda.max_memory_allocated"
ON_CPU = "allocations and releases of torch's CPU allocator (torch.profiler, profile_memory)"


def counted(
    step: Callable[[], object],
    held_bytes: float,
    device: torch.device,
    clear: Callable[[], object] = lambda: None,
) -> Memory:
    """Memory of one step; a first step runs uncounted.

    held_bytes  bytes on a CPU before the step (inputs, parameters); on a GPU torch is asked
    clear       releases, before a counted step, the memory left by the previous step
    """
    step()
    counts = []
    for _ in range(STEPS):
        clear()
        if device.type == "cuda":
            counts.append(_on_cuda(step, device))
        else:
            counts.append(_on_cpu(step, held_bytes))
    peaks, extras = zip(*counts, strict=True)
    return Memory(
        peak_bytes=_range(peaks),
        extra_bytes=_range(extras),
        how=ON_CUDA if device.type == "cuda" else ON_CPU,
    )


def _range(values: tuple[float, ...]) -> Estimate:
    return Estimate(value=sum(values) / len(values), low=min(values), high=max(values))


def _on_cuda(step: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """(peak bytes, bytes added by the step)"""
    import torch

    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    result = step()
    torch.cuda.synchronize(device)
    del result
    peak = torch.cuda.max_memory_allocated(device)
    return float(peak), float(peak - before)


def _on_cpu(step: Callable[[], object], held_bytes: float) -> tuple[float, float]:
    """(peak bytes, bytes added by the step): the maximum of the running sum of allocations and
    releases, in order of time.
    """
    from torch.profiler import ProfilerActivity, profile

    with (
        _silent(),
        profile(
            activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True
        ) as profiled,
    ):
        result = step()
    del result
    events = profiled.profiler.kineto_results.events()
    moves = sorted(
        (event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]"
    )
    level = top = 0
    for _, size in moves:
        level += size
        top = max(top, level)
    return held_bytes + top, float(top)


@contextmanager
def _silent() -> Iterator[None]:
    """Discard stderr of the whole process: the profiler announces its start and stop there."""
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


@contextmanager
def fits(what: str) -> Iterator[None]:
    """Raises DoesNotFit for an allocation that fails inside this context: the problem is too large,
    the work is not at fault.
    """
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise DoesNotFit(
            what, f"ran out of memory: {_first_line(error)}", "a smaller problem"
        ) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error) and "out of memory" not in str(error).lower():
            raise
        raise DoesNotFit(
            what, f"ran out of memory: {_first_line(error)}", "a smaller problem"
        ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
