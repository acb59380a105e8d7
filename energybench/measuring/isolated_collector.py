"""A collector in a separate process, so that a driver that hangs or crashes costs only its
channels.

The process polls on the schedule ordered by the measuring side, and stamps every value. The polls
wait in a pipe until the measuring side takes them.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any

from energybench.measuring.collector_process import OPEN, Task, serve
from energybench.measuring.forked import fork
from energybench.measuring.polling import Order
from energybench.measuring.readings import Tick
from energybench.measuring.spawning import wait_for
from energybench.measuring.tick_pipe import Schedule, TickReceiver
from energybench.model import Channel, Condition, Doubt, Gpu
from energybench.plugins import Context, Reading

# Patience with a driver that is asked for something beside the samples. NVML's initialisation on a
# node of eight boards without persistence mode takes some ten seconds (NVIDIA, "Driver
# Persistence").
OPEN_PATIENCE_S = 20.0
_LOOK_PATIENCE_S = 5.0
_CLOSE_PATIENCE_S = 0.5
_LENGTH = struct.Struct("=I")


class CollectorGone(Exception):
    """The collector's process has ended; the message says how."""


class Silent(Exception):
    """The collector's process has not answered in time."""


class Line:
    """Questions and answers over a socket, one at a time."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._buffer = b""

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, message: Any) -> None:
        """Raises CollectorGone."""
        body = pickle.dumps(message)
        try:
            self._end.sendall(_LENGTH.pack(len(body)) + body)
        except OSError as error:
            raise CollectorGone(str(error.strerror)) from None

    def ready(self, seconds: float) -> bool:
        """Wait for the begin of a message, at most some seconds."""
        return self._missing() == 0 or bool(wait_for((self.fileno(),), seconds))

    def receive(self, seconds: float) -> Any:
        """The next message. Raises Silent and CollectorGone."""
        until_s = time.monotonic() + seconds
        while (size := self._missing()) > 0:
            if not wait_for((self.fileno(),), max(until_s - time.monotonic(), 0.0)):
                raise Silent
            try:
                chunk = self._end.recv(max(size, 65536))
            except OSError as error:
                raise CollectorGone(str(error.strerror)) from None
            if not chunk:
                raise CollectorGone("its process ended")
            self._buffer += chunk
        (length,) = _LENGTH.unpack_from(self._buffer)
        body, self._buffer = self._buffer[4 : 4 + length], self._buffer[4 + length :]
        return pickle.loads(body)

    def _missing(self) -> int:
        """Bytes missing for a complete message; at least 1 if not even the length is known."""
        if len(self._buffer) < _LENGTH.size:
            return _LENGTH.size - len(self._buffer)
        (length,) = _LENGTH.unpack_from(self._buffer)
        return max(_LENGTH.size + int(length) - len(self._buffer), 0)

    def close(self) -> None:
        self._end.close()


class IsolatedCollector:
    """The measuring side of a collector.

    answered_s    time of the last received poll, or of the opening of the sensors
    end           manner of the process's end; None: still running
    slow_at_rest  scheduled polls skipped because of a long read with no poll after it
    components    components of which a device exists if the driver hangs
    watches       whether the plugin tells the state of its devices
    lists         whether the plugin lists the processes on its devices
    """

    def __init__(
        self,
        name: str,
        points: Mapping[str, EntryPoint],
        context: Context,
        *,
        opens_last_resort: bool,
    ) -> None:
        """Start the process, which loads the plugin from its entry point and opens the sensors.

        opens_last_resort  False: a collector of last resort waits for `open_last_resort`
        """
        self.name = name
        stated = context._replace(work_pid=lambda: None)
        reads, their_reads = socket.socketpair()
        looks, their_looks = socket.socketpair()
        ticks, their_ticks = os.pipe()
        self._ticks = TickReceiver(ticks)
        self._pid = fork(
            f"reader of {name}",
            lambda: serve(
                Task(name, points, stated, opens_last_resort),
                Line(their_reads),
                Line(their_looks),
                their_ticks,
            ),
            (their_reads.fileno(), their_looks.fileno(), their_ticks),
        )
        os.close(their_ticks)
        their_reads.close()
        their_looks.close()
        self._reads, self._looks = Line(reads), Line(looks)
        self._look_lock, self._look_late = threading.Lock(), False
        self._channels: tuple[Channel, ...] = ()
        self._reaped: int | None = None
        self._number = self._answered = self.slow_at_rest = 0
        self._schedule: Schedule | None = None
        self._told_pid: int | None = None
        self.answered_s = time.monotonic()
        self.end: str | None = None
        self.watches = self.lists = False
        self.components: tuple[str, ...] = ()
        self._gpus: tuple[Gpu, ...] = ()
        self._doubts: tuple[Doubt, ...] = ()
        self._work_pid: Callable[[], int | None] = lambda: None

    # ------------------------------------------------------------ opening

    def loaded(self, seconds: float) -> dict[str, Any]:
        """{"last_resort": …, "watches": …, "lists": …} or {"broken": reason}. Raises Silent and
        CollectorGone.
        """
        answer: dict[str, Any] = self._heard(lambda: self._reads.receive(seconds))
        self.watches, self.lists = answer.get("watches", False), answer.get("lists", False)
        self.components = answer.get("components", ())
        return answer

    def open(self, context: Context) -> Sequence[Channel]:
        """The process opens the sensors by itself, and `opened` takes its answer."""
        self.follow(context.work_pid)
        return self._channels

    def open_last_resort(self) -> None:
        """Have a collector of last resort open its sensors. Raises CollectorGone."""
        self._heard(lambda: self._reads.send(OPEN))

    def follow(self, work_pid: Callable[[], int | None]) -> None:
        """Tell the process the process number of the work, from the first poll on."""
        self._work_pid = work_pid

    def opened(self, seconds: float) -> dict[str, Any]:
        """{"channels": …, "read_s": …}, {"absent": (reason, remedy)} or {"broken": reason}. Raises
        Silent and CollectorGone.
        """
        answer: dict[str, Any] = self._heard(lambda: self._reads.receive(seconds))
        self._gpus, self._doubts = answer.get("gpus", ()), answer.get("doubts", ())
        self._channels = answer.get("channels", ())
        self.answered_s = time.monotonic()
        return answer

    def _heard(self, exchange: Callable[[], Any]) -> Any:
        try:
            return exchange()
        except CollectorGone:
            self._note_end()
            raise CollectorGone(self.end) from None

    def gpus(self) -> Sequence[Gpu]:
        return self._gpus

    def doubts(self) -> Sequence[Doubt]:
        return self._doubts

    # ------------------------------------------------------------ reading

    def poll(self, schedule: Schedule) -> None:
        """Have the process poll on a schedule from now on."""
        self._order(schedule)

    def rest(self) -> None:
        """Have the process stop polling; after its answer the process is `resting`."""
        self._order(None)

    def keep_told(self) -> None:
        """Tell the process if the work has a new process number."""
        if self._schedule is not None and self._work_pid() != self._told_pid:
            self._order(self._schedule)

    def _order(self, schedule: Schedule | None, *, once: bool = False) -> None:
        if self.end is not None:
            return
        self._number += 1
        self._told_pid, self._schedule = self._work_pid(), schedule
        try:
            self._reads.send(Order(self._number, self._told_pid, schedule, once))
        except CollectorGone:
            self._note_end()

    @property
    def resting(self) -> bool:
        """Whether every ordered poll has been made, or the process has ended."""
        return self.end is not None or self._answered == self._number

    def awaited(self) -> tuple[int, ...]:
        """File descriptors with data before the process rests."""
        if self.resting:
            return ()
        return self._reads.fileno(), self._ticks.fileno()

    def take(self, first: int) -> list[Tick]:
        """The polls that have come, in order.

        first  number of the collector's first channel within the run
        """
        if self.end is None and self._schedule is None and not self.resting:
            self._answer(0.0)
        ticks = self._ticks.take(len(self._channels), first)
        if ticks:
            self.answered_s = ticks[-1].due_s + ticks[-1].late_s
        if self._ticks.ended and self.end is None:
            self._note_end()
        return ticks

    def _answer(self, seconds: float) -> list[Reading]:
        """The readings of the newest order's answer; empty if no answer has come yet."""
        try:
            while self._answered != self._number:
                answer = self._reads.receive(seconds)
                self._answered, self.slow_at_rest = answer.number, self.slow_at_rest + answer.slow
                readings: list[Reading] = answer.readings
        except Silent:
            return []
        except CollectorGone:
            self._note_end()
            return []
        return readings

    def read(self) -> Sequence[Reading | None]:
        """A single read, waited for; all values are None if no answer comes."""
        self._order(None, once=True)
        readings = [] if self.end is not None else self._answer(_LOOK_PATIENCE_S)
        return readings or [None] * len(self._channels)

    # ------------------------------------------------------------ the state of the devices

    def conditions(self) -> Sequence[Condition]:
        answer: Sequence[Condition] = self._look("conditions")
        return answer

    def processes(self) -> Sequence[tuple[str, int]]:
        answer: Sequence[tuple[str, int]] = self._look("processes")
        return answer

    def _look(self, question: str) -> Any:
        """Asked from the thread of the watch; () while an earlier question has no answer."""
        with self._look_lock:
            try:
                if self._look_late:
                    self._looks.receive(0.0)  # the answer to the earlier question
                    self._look_late = False
                self._looks.send(question)
                return self._looks.receive(_LOOK_PATIENCE_S)
            except Silent:
                self._look_late = True
            except CollectorGone:
                pass
        return ()

    # ------------------------------------------------------------ the end

    def release(self) -> None:
        """Let the process end by itself, without waiting for the end."""
        self._reads.close()
        self._looks.close()
        self._ticks.close()

    def close(self) -> None:
        """End the process. A process that hangs in a driver is left to the kernel."""
        self.release()
        self._reap(_CLOSE_PATIENCE_S)
        if self._reaped is None:
            os.kill(self._pid, signal.SIGKILL)
            self._reap(_CLOSE_PATIENCE_S)
        self.end = self.end or "closed"

    def _note_end(self) -> None:
        self._reap(_CLOSE_PATIENCE_S)
        code = self._reaped
        if code is None:
            self.end = "its process no longer answers"
        elif code < 0:
            self.end = f"its process was ended by {signal.Signals(-code).name}"
        else:
            self.end = f"its process ended with code {code}"

    def _reap(self, seconds: float) -> None:
        """Wait for the process to end, at most some seconds."""
        if self._reaped is not None:
            return
        fd = os.pidfd_open(self._pid)
        try:
            if wait_for((fd,), seconds):
                _, status = os.waitpid(self._pid, 0)
                self._reaped = os.waitstatus_to_exitcode(status)
        finally:
            os.close(fd)
