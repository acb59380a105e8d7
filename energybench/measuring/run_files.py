"""A run's files, written by a thread of their own: storage that is slow, full or gone costs
samples, and never holds up the sampling or the program.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from energybench.analysis.energy.boundary import Ranges
from energybench.errors import StorageFailed
from energybench.measuring.readings import Tick
from energybench.model import (
    Condition,
    Doubt,
    Measurement,
    OtherLoad,
    Pause,
    Verification,
    Window,
    Work,
    WorkloadRef,
    WorkRecord,
)
from energybench.store.layout import recover_command
from energybench.store.writer import RunWriter, storage_failure

# Longest wait for storage after the work, s. Lustre and NFS come back within a minute after the
# failover of a server.
_PATIENCE_S = 60.0
_FLUSH_PATIENCE_S = 5.0  # with storage that is slow while the run goes on
# Polls that may wait for the storage: some minutes of a node at 10 Hz, a few MB.
_MOST_POLLS = 20_000

_Write = Callable[[], None]


class RunFiles:
    """Hands everything to the writer's thread, in order. A context manager."""

    def __init__(self, writer: RunWriter, *, in_thread: bool = True) -> None:
        """in_thread: False for a replay, which has no program to hold up, and samples faster than
        any storage.
        """
        self._writer, self._in_thread = writer, in_thread
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._lost_readings = 0
        self._waiting_polls = 0
        self._failure: Exception | None = None

    def __enter__(self) -> RunFiles:
        self._writer.__enter__()
        if self._in_thread:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stopped():
            self._writer.__exit__(kind, error, trace)

    @property
    def directory(self) -> Path:
        return self._writer.directory

    # ------------------------------------------------------------ what is written

    def poll(self, tick: Tick) -> None:
        """The readings of one poll; given up if too many polls wait for the storage."""
        if self._waiting_polls >= _MOST_POLLS:
            self._lost_readings += len(tick.readings)
            return
        self._waiting_polls += 1
        self._put(lambda: self._write_poll(tick))

    def _write_poll(self, tick: Tick) -> None:
        self._waiting_polls -= 1
        self._writer.poll(tick.readings, tick.late_s, tick.burst, tick.missed)

    def opening(self, label: str, start_s: float, repeat: int | None = None) -> None:
        self._put(lambda: self._writer.opening(label, start_s, repeat))

    def window(self, window: Window) -> None:
        self._put(lambda: self._writer.window(window))

    def work(self, work: Work, repeat: int | None = None) -> None:
        self._put(lambda: self._writer.work(work, repeat))

    def verification(self, checks: tuple[Verification, ...]) -> None:
        self._put(lambda: self._writer.verification(checks))

    def workload(self, workload: WorkloadRef) -> None:
        self._put(lambda: self._writer.workload(workload))

    def doubt(self, doubt: Doubt) -> None:
        self._put(lambda: self._writer.doubt(doubt))

    def conditions(self, conditions: tuple[Condition, ...]) -> None:
        self._put(lambda: self._writer.conditions(conditions))

    def others(self, others: tuple[OtherLoad, ...]) -> None:
        self._put(lambda: self._writer.others(others))

    def pause(self, pause: Pause) -> None:
        self._put(lambda: self._writer.pause(pause))

    def record(self, record: WorkRecord) -> None:
        self._put(lambda: self._writer.record(record))

    def flush(self) -> None:
        """Write what waits in memory."""
        self._put(self._flush)

    def _flush(self) -> None:
        with suppress(OSError):  # it waits in memory, and is tried again at the end
            self._writer.flush()

    def _put(self, write: _Write) -> None:
        if self._in_thread:
            self._queue.put(write)
        else:
            write()

    def so_far(self, ranges: Ranges) -> Measurement:
        """The result up to the last sample, while the run goes on; a repeat that is open counts as
        a part. Not from the thread that writes.

        Raises ValueError if there is no repeat yet, and OSError.
        """
        flushed = threading.Event()

        def flush() -> None:
            self._flush()
            flushed.set()

        self._put(flush)
        flushed.wait(_FLUSH_PATIENCE_S)
        return self._writer.so_far(ranges)

    # ------------------------------------------------------------ the end

    def discard(self) -> None:
        """Remove the directory of a run in which nothing was measured."""
        if self._stopped():
            self._writer.discard()

    def finish(self, ranges: Ranges) -> tuple[Path, Measurement]:
        """The result, once everything is written.

        Raises ValueError if no repeat was completed, StorageFailed if the storage fails.
        """
        if not self._stopped():
            raise StorageFailed(
                f"{self.directory}: the storage does not answer; the files so far stay (once it "
                f"does again: {recover_command(self.directory)})"
            )
        with storage_failure(self.directory):
            self._doubt_lost_samples()
            if self._failure is not None:
                raise self._failure
            return self._writer.finish(ranges, lossy=self._lost_readings > 0)

    def _doubt_lost_samples(self) -> None:
        lost = self._lost_readings + self._writer.lost_rows
        if lost:
            message = f"the storage did not take {lost} readings, which are lost"
            remedy = "free space, or write to a local folder with --out, and repeat the run"
            self._writer.doubt(Doubt(code="samples-lost", message=message, remedy=remedy))

    def _stopped(self) -> bool:
        """End the thread once all is written; False if the storage does not answer."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join(_PATIENCE_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (write := self._queue.get()) is not None:
            try:
                write()
                if self._queue.empty():
                    self._writer.caught_up()
            except Exception as error:  # told at the end: the work goes on
                self._failure = self._failure or error
