"""A collector in a process of its own, so that a driver that hangs or crashes costs its channels
and nothing else.

The measuring side asks for a read and waits for the answer among everything else it waits for. The
process stamps every value, so that the way of the answer costs no accuracy.
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
from typing import Any, NamedTuple

from energybench.measuring.collector_process import serve
from energybench.measuring.forked import fork
from energybench.measuring.spawning import wait_for
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


class Answer(NamedTuple):
    """The readings of one poll.

    readings  one for each channel, with the time of the value
    asked_s   when the poll was asked for
    """

    readings: list[Reading]
    asked_s: float


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

    asked_s     when the read was asked for that has no answer yet; None: no read is under way
    answered_s  when the last answer came
    end         how the process ended; None: it has not ended
    watches     whether the plugin tells the state of its devices
    lists       whether the plugin lists the processes on its devices
    """

    def __init__(self, name: str, points: Mapping[str, EntryPoint]) -> None:
        """Start the process, which loads the plugin from its entry point and waits to be opened."""
        self.name = name
        reads, their_reads = socket.socketpair()
        looks, their_looks = socket.socketpair()
        self._pid = fork(
            f"reader of {name}",
            lambda: serve(name, points, Line(their_reads), Line(their_looks)),
            (their_reads.fileno(), their_looks.fileno()),
        )
        their_reads.close()
        their_looks.close()
        self._reads, self._looks = Line(reads), Line(looks)
        self._look_lock, self._look_late = threading.Lock(), False
        self._channels: tuple[Channel, ...] = ()
        self._reaped: int | None = None
        self.asked_s: float | None = None
        self.answered_s = time.monotonic()
        self.end: str | None = None
        self.watches = self.lists = False
        self._gpus: tuple[Gpu, ...] = ()
        self._doubts: tuple[Doubt, ...] = ()
        self._work_pid: Callable[[], int | None] = lambda: None

    # ------------------------------------------------------------ opening

    def fileno(self) -> int:
        """File descriptor that can be read if an answer has come; -1 if the process has ended."""
        return -1 if self.end is not None else self._reads.fileno()

    def loaded(self, seconds: float) -> dict[str, Any]:
        """{"last_resort": …, "watches": …, "lists": …} or {"broken": reason}. Raises Silent and
        CollectorGone.
        """
        answer: dict[str, Any] = self._heard(lambda: self._reads.receive(seconds))
        self.watches, self.lists = answer.get("watches", False), answer.get("lists", False)
        return answer

    def open(self, context: Context) -> Sequence[Channel]:
        """Opened by `begin_open` and `opened`, beside other collectors."""
        return self._channels

    def begin_open(self, context: Context) -> None:
        """Ask the process to open the sensors. Raises CollectorGone."""
        self._work_pid = context.work_pid
        parts = context._replace(work_pid=None, clock=None)  # type: ignore[arg-type]
        self._heard(lambda: self._reads.send(parts))

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

    def ask(self, now_s: float) -> bool:
        """Ask for a read; False if the earlier read has no answer yet, or the process has ended."""
        if self.asked_s is not None or self.end is not None:
            return False
        try:
            self._reads.send(self._work_pid())
        except CollectorGone:
            self._note_end()
            return False
        self.asked_s = now_s
        return True

    def answer(self, seconds: float = 0.0) -> Answer | None:
        """The answer to `ask`, waiting for at most some seconds; None: no answer yet."""
        if self.asked_s is None:
            return None
        try:
            readings = self._reads.receive(seconds)
        except Silent:
            return None
        except CollectorGone:
            self._note_end()
            return None
        asked_s, self.asked_s = self.asked_s, None
        self.answered_s = time.monotonic()
        return Answer(readings, asked_s)

    def read(self) -> Sequence[Reading | None]:
        """One read, waited for; every value is None if no answer comes."""
        self.ask(time.monotonic())
        answer = self.answer(_LOOK_PATIENCE_S)
        return [None] * len(self._channels) if answer is None else answer.readings

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

    def close(self) -> None:
        """End the process. A process that hangs in a driver is left to the kernel."""
        self._reads.close()
        self._looks.close()
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
        self.asked_s = None

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
