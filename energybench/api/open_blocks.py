"""Open outermost blocks, by their threads.

Reading a result waits for the result. A wait in a thread with an open block lies in the time of the
block: of a block around the read, and of the blocks of all tasks of the same event loop.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from energybench.api.block_doubts import read_in_block
from energybench.real_clock import monotonic

if TYPE_CHECKING:
    from energybench.api.caller_run import CallerRun

# A shorter wait is a wait for a result that was ready, and disturbs no open block.
_NOTABLE_S = 0.01

_open: dict[int, dict[int, CallerRun]] = {}  # by thread, then by the number of the run


def opened(run: CallerRun) -> None:
    """The block of a run begins in this thread."""
    _open.setdefault(threading.get_ident(), {})[run.number] = run


def closed(run: CallerRun) -> None:
    """The block of a run has ended, perhaps in another thread."""
    for thread, runs in list(_open.items()):
        runs.pop(run.number, None)
        if not runs:
            _open.pop(thread, None)


@contextmanager
def waiting(asked: CallerRun) -> Iterator[None]:
    """Wait for a result of a run. Gives a doubt for each other block that this thread holds
    open.
    """
    begin_s = monotonic()
    try:
        yield
    finally:
        waited_s = monotonic() - begin_s
        if waited_s >= _NOTABLE_S:
            for run in list(_open.get(threading.get_ident(), {}).values()):
                if run is not asked:
                    read_in_block(run, asked.label, waited_s)
