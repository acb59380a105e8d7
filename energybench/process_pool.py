"""Tasks over a few processes, with the answers in the order of the tasks."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def mapped(
    function: Callable[[Task], Answer], tasks: Sequence[Task], jobs: int, chunk: int = 1
) -> Generator[Answer, None, None]:
    """map() in order over `jobs` processes; with a single job in the calling process.

    chunk  tasks that a process takes at once
    """
    if jobs == 1:
        yield from map(function, tasks)
        return
    # a fork would copy the thread that draws the progress line
    pool = ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_follow, initargs=(os.getpid(),)
    )
    try:
        yield from pool.map(function, tasks, chunksize=chunk)
    finally:
        pool.shutdown(cancel_futures=True)


def _follow(parent: int) -> None:
    """Leave Ctrl-C to the parent process, and end when the parent has ended. numpy, which is not
    imported yet, gets a single thread: those of its linear algebra would take the cores from the
    other processes of the pool.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
