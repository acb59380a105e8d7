"""A copy of a program's output on a stream, on the way to the person.

A file on the stream is read afterwards, and the program writes to the file as if nobody measured.
In front of a pipe, a terminal or a device stands a separate process, which hands the output on and
keeps a bounded copy. The process ignores all signals and outlives the measuring side: a killed
measurement loses no output. The program finds a terminal in place of a terminal, and a pipe in any
other case. If the reader of the output goes away, the copy ends too, and the program gets its
SIGPIPE.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import termios
import tty
from collections import deque
from contextlib import suppress
from select import POLLHUP, POLLIN, POLLOUT, poll
from typing import Protocol

from energybench.adapters.excerpt import HEAD_BYTES, TAIL_BYTES, Excerpt, of_descriptor, of_stored
from energybench.measuring.forked import fork
from energybench.measuring.spawning import wait_for

# For the rest in the pipe after the end of the program, s: the copy takes the rest without the
# reader.
_PATIENCE_S = 20.0
_FLUSH_S = 5.0  # for the reader of the output to take the last bytes
_CHUNK_BYTES = 1 << 16
# bytes that a pipe takes without blocking if the pipe takes any: PIPE_BUF, pipe(7)
_ALONE_BYTES = 4096


class OutputCopy(Protocol):
    """The copy of a stream in a repeat.

    fd  descriptor that the program gets as its stream; None: the person's own
    """

    fd: int | None

    def started(self) -> None:
        """The program has started, and holds the descriptor."""

    def ended(self) -> Excerpt:
        """The program has ended: its output."""

    def reaped(self) -> bool:
        """Whether nothing of the copy is left in the system."""


def copy_of(sink: int) -> OutputCopy:
    """A copy of the output to the person's descriptor `sink`."""
    try:
        mode = os.fstat(sink).st_mode
    except OSError:
        return _Nothing()
    return FileCopy(sink) if stat.S_ISREG(mode) else StreamCopy(sink)


class _Nothing:
    """A closed stream: the program finds it closed."""

    fd: int | None = None

    def started(self) -> None:
        pass

    def ended(self) -> Excerpt:
        return Excerpt(b"", problem="the stream with the output is closed")

    def reaped(self) -> bool:
        return True


class FileCopy:
    """A stream to a file: the program's additions are read afterwards."""

    fd: int | None = None

    def __init__(self, sink: int) -> None:
        self._sink = sink
        appends = fcntl.fcntl(sink, fcntl.F_GETFL) & os.O_APPEND
        self._start = os.fstat(sink).st_size if appends else os.lseek(sink, 0, os.SEEK_CUR)

    def started(self) -> None:
        pass

    def ended(self) -> Excerpt:
        return of_descriptor(self._sink, self._start)

    def reaped(self) -> bool:
        return True


class StreamCopy:
    """The stream is a pipe, a terminal or a device: a process hands the output on."""

    def __init__(self, sink: int) -> None:
        self.fd: int | None
        source, self.fd = _line(sink)
        self._kept = os.memfd_create("energybench-output", os.MFD_CLOEXEC)
        told, self._tell = os.pipe()
        self._hear, telling = os.pipe()

        def work() -> None:
            _Copier(source, sink, self._kept, told, telling).run()

        keep = (source, sink, self._kept, told, telling)
        self._pid = fork("energybench-output", work, keep, outlives=True)
        for fd in (source, told, telling):
            os.close(fd)

    def started(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
        self.fd = None

    def ended(self) -> Excerpt:
        self.started()
        os.close(self._tell)  # the program has ended
        try:
            total = self._total()
            wait_for((self._hear,), _FLUSH_S)  # closed after the last byte
            head = os.pread(self._kept, HEAD_BYTES, 0) if total else b""
            kept = min(total or 0, HEAD_BYTES + TAIL_BYTES) - len(head)
            tail = os.pread(self._kept, kept, HEAD_BYTES) if kept > 0 else b""
        finally:
            os.close(self._hear)
            os.close(self._kept)
        if total is None:
            return Excerpt(b"", problem="the copy of the output did not come to its end")
        turned = (total - HEAD_BYTES) % TAIL_BYTES if total > HEAD_BYTES + TAIL_BYTES else 0
        return of_stored(head, tail[turned:] + tail[:turned], total)

    def reaped(self) -> bool:
        """Whether the copying process has ended; the process goes on while another process holds
        the stream.
        """
        try:
            return os.waitpid(self._pid, os.WNOHANG) != (0, 0)
        except ChildProcessError:
            return True

    def _total(self) -> int | None:
        """Bytes of the output; None: the copying process does not answer."""
        if self._hear not in wait_for((self._hear,), _PATIENCE_S):
            return None
        answer = os.read(self._hear, 64)
        return int(answer) if answer.strip().isdigit() else None


def _line(sink: int) -> tuple[int, int]:
    """The copying process's end and the program's end of a new line to the program."""
    if not os.isatty(sink):
        return os.pipe()
    try:
        copier, program = os.openpty()
    except OSError:
        return os.pipe()
    # All bytes pass unchanged: the person's own terminal turns \n into \r\n. Nothing is typed into
    # this terminal: input comes from the person's terminal.
    with suppress(termios.error, OSError):
        tty.setraw(program)
        size = fcntl.ioctl(sink, termios.TIOCGWINSZ, bytes(8))
        fcntl.ioctl(program, termios.TIOCSWINSZ, size)
    return copier, program


class _Copier:
    """The copying process: a loop over the source, the sink, and the message that the program has
    ended.
    """

    def __init__(self, source: int, sink: int, kept: int, told: int, telling: int) -> None:
        self._source, self._kept, self._told, self._telling = source, kept, told, telling
        self._sink, self._largest = _writable(sink)
        self._waiting: deque[bytes] = deque()
        self._total, self._counted = 0, False
        self._keeps = True
        os.set_blocking(source, False)

    def run(self) -> None:
        while self._source >= 0 or self._waiting:
            ready = self._poll()
            if ready.get(self._sink, 0):
                self._write()
            if self._source >= 0 and ready.get(self._source, 0):
                self._read()
            if self._told >= 0 and ready.get(self._told, 0):
                self._program_ended()
        self._count()

    def _poll(self) -> dict[int, int]:
        waiting = poll()
        if self._waiting:
            waiting.register(self._sink, POLLOUT)
        elif self._source >= 0:
            waiting.register(self._source, POLLIN | POLLHUP)
        if self._told >= 0:
            waiting.register(self._told, POLLIN | POLLHUP)
        return dict(waiting.poll())

    def _read(self) -> bool:
        """Take a piece from the program; False: no piece at present."""
        try:
            piece = os.read(self._source, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # of a terminal without a writer
                raise
            piece = b""
        if not piece:
            os.close(self._source)
            self._source = -1
            self._count()
            return False
        if self._keeps:
            self._keep(piece)
        self._waiting.append(piece)
        return True

    def _program_ended(self) -> None:
        """Take the rest of the program's output; processes left behind by the program may
        write on.
        """
        os.close(self._told)
        self._told = -1
        taken = 0
        while self._source >= 0 and taken < HEAD_BYTES and self._read():
            taken += len(self._waiting[-1])
        self._count()

    def _count(self) -> None:
        """Tell how many bytes the output has."""
        if not self._counted:
            self._counted, self._keeps = True, False
            with suppress(OSError):
                os.write(self._telling, b"%d\n" % self._total)
        if not self._waiting and self._telling >= 0:
            os.close(self._telling)
            self._telling = -1

    def _write(self) -> None:
        """Hand on as much as the person's side takes."""
        piece = self._waiting.popleft()
        try:
            written = os.write(self._sink, piece[: self._largest])
        except BlockingIOError:
            written = 0
        except OSError:
            # the reader has gone: the program has to notice as well
            if self._source >= 0:
                os.close(self._source)
            self._source = -1
            self._waiting.clear()
            self._count()
            return
        if written < len(piece):
            self._waiting.appendleft(piece[written:])
        elif self._counted and not self._waiting:
            self._count()

    def _keep(self, piece: bytes) -> None:
        """Keep the beginning, and the end in a ring behind the beginning. A full memory costs the
        copy.
        """
        with suppress(OSError):
            while piece:
                if self._total < HEAD_BYTES:
                    place, room = self._total, HEAD_BYTES - self._total
                else:
                    ring = (self._total - HEAD_BYTES) % TAIL_BYTES
                    place, room = HEAD_BYTES + ring, TAIL_BYTES - ring
                os.pwrite(self._kept, piece[:room], place)
                self._total += len(piece[:room])
                piece = piece[room:]


def _writable(sink: int) -> tuple[int, int]:
    """A descriptor of the person's side that does not block, and the most bytes for a write.

    Opened anew, so that the person's own descriptor stays as it is.
    """
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
    try:
        return os.open(f"/proc/self/fd/{sink}", flags), _CHUNK_BYTES
    except OSError:
        return sink, _ALONE_BYTES
