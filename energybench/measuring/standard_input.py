"""Standard input of a program that is run several times.

Every repeat has to find the same input. A file is set back to its position before the first repeat.
A pipe can be read only once: a pipe with waiting data is refused, and a pipe that ends in the
middle of the run is reported. A terminal and /dev/null are the same for every repeat.
"""

from __future__ import annotations

import fcntl
import os
import select
import stat
import struct
import termios

from energybench.errors import BadInput

_STDIN = 0


class StandardInput:
    """The input of this process for the repeats of a program."""

    def __init__(self, fd: int = _STDIN) -> None:
        self._fd = fd
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            mode = 0  # closed: every repeat finds it closed
        self._is_pipe = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._start: int | None = None
        if stat.S_ISREG(mode):
            self._start = os.lseek(fd, 0, os.SEEK_CUR)
        self._open = False

    def check(self) -> None:
        """Raise BadInput if only the first repeat would find the data on standard input."""
        if self._is_pipe and self._bytes() > 0:
            raise BadInput(
                "stdin",
                "is a pipe that holds data, which the first of the repeats would take from the "
                "others",
                "< FILE, or sh -c 'PROGRAM < FILE' as the command; < /dev/null if the program "
                "reads no input",
            )

    def begin(self) -> None:
        """Give a repeat the same input as the first repeat."""
        if self._start is not None:
            os.lseek(self._fd, self._start, os.SEEK_SET)
        self._open = self._is_pipe and not self._at_end()

    def ended(self) -> bool:
        """Whether standard input is a pipe that was open at the last `begin` and has ended since: a
        further repeat would find an empty pipe.
        """
        return self._open and self._at_end()

    def _at_end(self) -> bool:
        """Whether the other side has closed the pipe, and the pipe is empty."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN | select.POLLRDHUP)
        events = dict(poll.poll(0)).get(self._fd, 0)
        return bool(events & (select.POLLHUP | select.POLLRDHUP)) and self._bytes() == 0

    def _bytes(self) -> int:
        """Bytes that wait in the pipe."""
        count = struct.Struct("i")
        try:
            (waiting,) = count.unpack(fcntl.ioctl(self._fd, termios.FIONREAD, bytes(count.size)))
        except OSError:
            return 0
        return int(waiting)
