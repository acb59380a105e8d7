"""The caller's connection to its sampling process.

The sampling process starts at the first block. A failure of the sampling process, or a change of
the caller's own process, may cost results, but never the caller's work or its exit code. This
module imports next to nothing.
"""

from __future__ import annotations

import atexit
import itertools
import os
import select
import threading
from collections import deque
from contextlib import suppress
from typing import Any

from energybench.api.starting import NotStarted, started
from energybench.measuring.beside.packets import Closed, ClosedHere, Packets
from energybench.real_clock import monotonic
from energybench.real_system import close, pidfd_open, poll, read_file

# Patience with the answer of a running sampling process, s: opening drivers may take 20 s, and a
# silent storage is waited for 60 s.
OPEN_PATIENCE_S = 30.0
ANSWER_PATIENCE_S = 60.0
RESULT_PATIENCE_S = 120.0
_EXIT_PATIENCE_S = 30.0
# After this long without a message, a waiting caller asks whether the sampling process runs, s.
_ASK_AFTER_S = 1.0
# A sampling process counts as lost after this long without a message, s. The process reports from a
# loop with turns of 0.1 s; opening a driver holds the loop up.
_SILENT_S, _SILENT_WHILE_OPENING_S = 5.0, 30.0
# Longest time for which a wait counts, s: the caller may have been stopped too.
_LONGEST_TURN_S = 0.2
# Most messages waiting for a process that reads nothing: some MB.
_MOST_OWED = 20_000
# After a process was lost before its first block, the next process starts only after this multiple
# of the time that the caller waited: waiting takes at most 5 % of the program's time.
_REST_FACTOR = 20.0


class Gone(Exception):
    """The sampling process has ended or does not answer; the message tells the two apart."""


class Link:
    """A sampling process. Safe to use from several threads."""

    def __init__(self) -> None:
        """Start the process. Raises Gone."""
        try:
            ours = started()
        except NotStarted as error:
            raise Gone(str(error)) from None
        self._packets = Packets(ours)
        self._numbers = itertools.count()
        self._lock = threading.Lock()  # of the packets and of `_answers`
        self._answers: dict[int, dict[str, Any]] = {}
        self._failure = ""
        # asked whether the process runs; the process opens drivers
        self._asked = self._opening = False
        self._silent_s = 0.0  # waited for the present answer without a message of the process
        self._behind = False  # the process did not take a message, and has sent nothing since
        self._owed: deque[dict[str, Any]] = deque()  # messages not yet taken
        self.pid: int | None = None  # of the process, after its first message
        self._began: int | None = None  # start of the process, clock ticks since boot
        self.served = False  # whether the process has answered a question

    @property
    def failure(self) -> str:
        """Reason why the process no longer serves; empty while the process serves."""
        return self._failure

    def tell(self, **message: Any) -> bool:
        """Send a message without an answer, and do not wait. A message that the process does not
        take now is sent before later messages. False if the message is lost.
        """
        with self._lock:
            if self._send(message):
                return True
            if self._failure or len(self._owed) >= _MOST_OWED:
                return False
            self._owed.append(message)
            return True

    def offer(self, **message: Any) -> bool:
        """Send a message if the process takes the message now. Returns whether the process did."""
        with self._lock:
            return self._send(message)

    def owe(self, **message: Any) -> None:
        """Send a message that has to arrive, however many messages wait."""
        with self._lock:
            if not self._send(message):
                self._owed.append(message)

    def _send(self, message: dict[str, Any]) -> bool:
        """Send the waiting messages, then this message. Returns whether the process took this
        message.
        """
        return self._send_owed() and self._packet(message)

    def _send_owed(self) -> bool:
        """Send the waiting messages. Returns whether the queue is empty."""
        while self._owed and self._packet(self._owed[0]):
            self._owed.popleft()
        return not self._owed

    def _packet(self, message: dict[str, Any]) -> bool:
        if self._failure:
            return False
        try:
            taken = self._packets.send(message)
        except Closed as closed:
            self._failure = _failure(closed)
            return False
        self._behind = self._behind or not taken
        return taken

    def ask(self, patience_s: float, **message: Any) -> dict[str, Any]:
        """The answer to a message. Raises Gone."""
        return self.answer(self.post(**message), patience_s)

    def post(self, **message: Any) -> int:
        """Send a message and leave its answer for later. Returns the number for `answer`. Raises
        Gone.
        """
        number = next(self._numbers)
        self.owe(**message, n=number)
        if self._failure:
            raise Gone(self._failure)
        return number

    def answer(self, number: int, patience_s: float) -> dict[str, Any]:
        """The answer to `post`. A process that does not run is killed; its samples stay on the
        disk. Raises Gone.
        """
        until_s = monotonic() + patience_s
        while True:
            with self._lock:
                self._take_answers()
                if number in self._answers:
                    self.served = True
                    return self._answers.pop(number)
                self._check()
                self._send_owed()
                if self._failure:
                    raise Gone(self._failure)
                # from here on another thread may close the connection
                descriptor = self._packets.fileno()
            left_s = until_s - monotonic()
            if left_s <= 0:
                raise Gone(f"the sampling process did not answer within {patience_s:g} s")
            self._wait(descriptor, left_s)

    def check(self) -> None:
        """Wait until the process reports or is lost."""
        with self._lock:
            self._silent_s, self._asked = _ASK_AFTER_S, False
            while not self._failure and self._silent_s > 0:
                self._take_answers()
                self._check()
                self._send_owed()
                if not self._failure and self._silent_s > 0:
                    self._wait(self._packets.fileno(), _LONGEST_TURN_S)

    def _check(self) -> None:
        """Ask a process that has been silent for a while whether the process runs. Lose a process
        that does not answer.
        """
        if self._silent_s < _ASK_AFTER_S or self._failure:
            return
        if not self._asked:
            self._asked = self._packet({"do": "here"})  # before the waiting messages
        starts = self.pid is None
        limit_s = _SILENT_WHILE_OPENING_S if starts or self._opening else _SILENT_S
        if self._silent_s > _ASK_AFTER_S + limit_s:
            self._lose(limit_s)

    def _lose(self, waited_s: float) -> None:
        """Give the process up, and kill the process so that it does not continue with earlier
        requests.
        """
        self._failure = f"the sampling process did not run for {waited_s:g} s and was ended"
        if self.pid is not None:
            _kill(self.pid, self._began)
        if not self.served:
            _rest(self._failure, _REST_FACTOR * waited_s)

    def _wait(self, descriptor: int, seconds: float) -> None:
        """Wait for a packet. A closed descriptor ends the wait at once. A descriptor that was
        closed and opened anew costs a short wait.
        """
        packet = poll()
        # a process that takes messages runs, and gets the waiting messages
        packet.register(descriptor, select.POLLIN | (select.POLLOUT if self._owed else 0))
        begin_s = monotonic()
        # short waits, because another thread may take this thread's answer
        if not packet.poll(min(seconds, 0.05) * 1000):
            self._silent_s += min(monotonic() - begin_s, _LONGEST_TURN_S)

    def _take_answers(self) -> None:
        try:
            while (answer := self._packets.receive()) is not None:
                self._silent_s, self._asked, self._behind = 0.0, False, False
                if "pid" in answer:
                    self.pid, self._began = answer["pid"], answer["began"]
                elif "here" in answer:
                    self._opening = answer["opening"]
                elif answer["n"] < 0:
                    self._failure = str(answer["refused"][1])
                else:
                    self._answers[answer["n"]] = answer
        except Closed as closed:
            self._failure = self._failure or _failure(closed)

    @property
    def alive(self) -> bool:
        """Whether the process serves. Waits for a process that did not take a message."""
        with self._lock:
            self._take_answers()
            behind = self._behind
        if behind:
            self.check()
        return not self._failure

    def close(self, patience_s: float) -> None:
        """Have the process save its samples and end, waiting for at most some seconds. A process
        with a silent storage goes on by itself.
        """
        if patience_s > 0:
            self.check()
        until_s = monotonic() + patience_s
        with self._lock:
            while not self._send_owed() and not self._failure and monotonic() < until_s:
                self._wait(self._packets.fileno(), _LONGEST_TURN_S)
            self._packets.shut()
            while not self._failure and (left_s := until_s - monotonic()) > 0:
                self._wait(self._packets.fileno(), left_s)
                self._take_answers()
            self._failure = self._failure or "the sampling process was closed"
            self._packets.close()

    def forget(self) -> None:
        """In a forked child: the process belongs to the parent."""
        self._lock = threading.Lock()  # another thread of the parent may have held the lock
        self._owed.clear()
        self._packets.close()
        self._failure = "this process was forked inside the block"


def _failure(closed: Closed) -> str:
    """Why a connection is closed, in words."""
    if isinstance(closed, ClosedHere):
        return "the program closed a descriptor of energybench, its connection to the sensors"
    return "the sampling process has ended"


def _kill(pid: int, began: int | None) -> None:
    """Kill a process, unless the process has ended and a later process has its number.

    began  start of the process, clock ticks since boot
    """
    import signal

    with suppress(OSError, ValueError):
        descriptor = pidfd_open(pid)
        try:
            words = read_file(f"/proc/{pid}/stat").rpartition(b")")[2].split()
            if int(words[19]) == began:  # proc_pid_stat(5), field 22
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            close(descriptor)


_present: Link | None = None
_starting = threading.Lock()
_not_before = (0.0, "")  # when the next process may be started, and why not before


def _rest(failure: str, seconds: float) -> None:
    """Start no process for a while: the caller would wait for it in vain too."""
    global _not_before
    _not_before = (monotonic() + seconds, failure)


def link() -> Link:
    """The caller's sampling process, started if the caller has none. Raises Gone."""
    global _present
    with _starting:
        if _present is not None and not _present.alive:
            _present.close(0.0)
            _present = None
        if _present is None:
            free_s, failure = _not_before
            if (rest_s := free_s - monotonic()) > 0:
                raise Gone(f"{failure}; no other is started for {rest_s:.0f} s")
            _present = Link()
        return _present


def _forget_in_child() -> None:
    global _present, _starting
    _starting = threading.Lock()
    if _present is not None:
        _present.forget()
        _present = None


def _close_at_exit() -> None:
    if _present is not None:
        _present.close(_EXIT_PATIENCE_S)


os.register_at_fork(after_in_child=_forget_in_child)
atexit.register(_close_at_exit)
