"""Finished runs, analysed and written by a thread, while the sampling goes on."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from energybench.errors import BadInput, StorageFailed, in_one_line
from energybench.measuring.beside.open_window import Part, Parts
from energybench.measuring.beside.run import BesideRun
from energybench.measuring.session import ranges
from energybench.measuring.spawning import wait_for
from energybench.store.layout import recover_command


class Finishing:
    """Finishes runs one after another.

    fd  readable when an answer is ready
    """

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], dict[str, Any]]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._under_way = 0
        self._thread: threading.Thread | None = None

    def begin(self, run: BesideRun, n: int | None) -> None:
        """Finish a run; `n`: number of the question to answer, None: without a question."""
        self._put(lambda: {"n": n, **_finished(run)})

    def add(self, parts: Parts, part: Part) -> None:
        """Analyse a finished part of an open window."""

        def add() -> dict[str, Any]:
            parts.add(part)
            return {"n": None}

        self._put(add)

    def look(self, run: BesideRun, n: int, *, regions: bool) -> None:
        """Analyse a run that goes on."""
        part = None if regions else run.last_part()
        self._put(lambda: {"n": n, "measurement": _so_far(run, part)})

    def _put(self, job: Callable[[], dict[str, Any]]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="finishing", daemon=True)
            self._thread.start()
        self._under_way += 1
        self._queue.put(job)

    def ready(self) -> bool:
        """Whether an answer is ready."""
        return not self._answers.empty()

    def taken(self) -> list[dict[str, Any]]:
        """The answers since the last call."""
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            pass
        answers = []
        while not self._answers.empty():
            answers.append(self._answers.get())
        self._under_way -= len(answers)
        return [answer for answer in answers if answer["n"] is not None]

    def wait_for_all(self, seconds: float) -> None:
        """Wait until every run is written, at most some seconds."""
        until_s = time.monotonic() + seconds
        while self._under_way and time.monotonic() < until_s:
            wait_for((self.fd,), until_s - time.monotonic())
            self.taken()

    def _run(self) -> None:
        while True:
            self._answers.put(self._queue.get()())
            os.eventfd_write(self.fd, 1)


def _so_far(run: BesideRun, part: Part | None) -> dict[str, Any] | None:
    """The measurement of a run up to its last sample; None: no measurement yet.

    part  the last part of an open window; None: the result is read from the files
    """
    try:
        if part is None or run.parts.lost:
            measurement = run.files.so_far(ranges())
        else:
            measurement = run.parts.with_last(part)
        return dict(msgspec.to_builtins(measurement))
    except Exception:  # too little was read for a result
        return None


def _finished(run: BesideRun) -> dict[str, Any]:
    """The directory of the finished run, or the reason for a missing result."""
    try:
        directory, _ = run.files.finish(ranges())
    except ValueError as error:  # no window was begun
        run.files.discard()
        return {"refused": ["block-not-measured", str(error), "begin the block"]}
    except BadInput as error:
        return {"refused": ["block-not-measured", f"{error.where}: {error.what}", error.remedy]}
    except StorageFailed as error:
        return {"refused": ["block-not-measured", str(error), "free space, or name another store"]}
    except Exception as error:
        return {
            "refused": [
                "block-not-measured",
                f"the analysis failed: {in_one_line(error)}",
                f"the samples stay: {recover_command(run.files.directory)}",
            ]
        }
    finally:
        run.files.__exit__(None, None, None)
    return {"directory": str(directory.resolve())}
