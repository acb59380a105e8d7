"""A program's output reaches the person unchanged, and a bounded copy of it is kept."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from energybench.adapters.excerpt import HEAD_BYTES, TAIL_BYTES, Excerpt
from energybench.measuring.output_copy import StreamCopy, copy_of

# numbers its lines, so that a lost or doubled piece shows
NUMBERS = "import sys; [sys.stdout.write(f'{i}\\n') for i in range(int(sys.argv[1]))]"


class Reader:
    """Takes everything from a descriptor in a thread."""

    def __init__(self, fd: int) -> None:
        self._fd, self.text = fd, b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError):  # a terminal ends with an error
            while piece := os.read(self._fd, 1 << 16):
                self.text += piece

    def all(self) -> bytes:
        self._thread.join(120)
        return self.text


def run(sink: int, *argv: str) -> tuple[int, Excerpt]:
    """Run a program with a copy of its standard output; exit code and copy."""
    copy = copy_of(sink)
    program = subprocess.Popen(argv, stdout=sink if copy.fd is None else copy.fd)
    copy.started()
    code = program.wait()
    return code, copy.ended()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        with suppress(OSError):
            os.close(fd)


def python(code: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *words)


def lines(count: int) -> bytes:
    return b"".join(b"%d\n" % i for i in range(count))


def test_a_pipe_gets_every_byte_and_so_does_the_copy(pipe: tuple[int, int]) -> None:
    reader = Reader(pipe[0])
    code, excerpt = run(pipe[1], *python(NUMBERS, "200000"))
    os.close(pipe[1])
    assert code == 0
    assert reader.all() == lines(200_000)
    assert excerpt == Excerpt(lines(200_000))


def test_an_output_beyond_the_limit_is_kept_at_both_ends(pipe: tuple[int, int]) -> None:
    """All of it is handed on; the ring that keeps the end is read in the right order."""
    reader = Reader(pipe[0])
    _, excerpt = run(pipe[1], *python(NUMBERS, "3000000"))
    os.close(pipe[1])
    whole = lines(3_000_000)
    assert reader.all() == whole
    assert excerpt.text == whole[:HEAD_BYTES] + b"\n" + whole[-TAIL_BYTES:]
    assert excerpt.left_out == len(whole) - HEAD_BYTES - TAIL_BYTES


def test_a_file_is_the_programs_own(tmp_path: Path) -> None:
    """A file on the stream needs no copy; what stood in it before is not the program's."""
    code = "import os, sys; print('descriptor is a file:', os.path.isfile('/proc/self/fd/1'))"
    for mode in ("wb", "ab"):
        with (tmp_path / mode).open(mode) as out:
            out.write(b"before\n")
            out.flush()
            _, excerpt = run(out.fileno(), *python(code))
        assert excerpt.text == b"descriptor is a file: True\n"
        assert (tmp_path / mode).read_bytes() == b"before\n" + excerpt.text


def test_a_terminal_stays_a_terminal() -> None:
    """The program still sees a terminal of the same size, and the person the same bytes."""
    ours, theirs = pty.openpty()
    reader = Reader(ours)
    code = "import os; print(os.isatty(1), os.get_terminal_size(1).columns)"
    subprocess.run(["stty", "cols", "123"], stdin=theirs, check=True)
    _, excerpt = run(theirs, *python(code))
    os.close(theirs)
    assert excerpt.text == b"True 123\n"
    assert reader.all() == b"True 123\r\n"
    os.close(ours)


@pytest.mark.parametrize("sink", [os.devnull, "closed"])
def test_an_output_that_nobody_sees(sink: str) -> None:
    """What goes to /dev/null is read; a closed stream stays closed."""
    fd = os.open(os.devnull, os.O_WRONLY)
    if sink == "closed":
        os.close(fd)
        assert copy_of(fd).fd is None
        assert copy_of(fd).ended().problem
        return
    code, excerpt = run(fd, *python(NUMBERS, "10"))
    os.close(fd)
    assert (code, excerpt.text) == (0, lines(10))


def test_a_reader_that_goes_away_ends_the_program_as_ever(pipe: tuple[int, int]) -> None:
    """`… | head`: SIGPIPE reaches a program that writes on."""
    os.close(pipe[0])
    forever = (
        sys.executable,
        "-c",
        f"import signal; signal.signal(13, 0)\nwhile True: print('{'x' * 99}')",
    )
    code, _ = run(pipe[1], *forever)
    assert code == -signal.SIGPIPE


def test_a_reader_that_does_not_read_costs_no_copy(pipe: tuple[int, int]) -> None:
    """What the program wrote before its end is in the copy, although the person's pipe is full."""
    os.set_blocking(pipe[1], False)
    with suppress(BlockingIOError):
        while True:
            os.write(pipe[1], b"." * 4096)
    os.set_blocking(pipe[1], True)
    copy = StreamCopy(pipe[1])
    program = subprocess.Popen(python(NUMBERS, "1000"), stdout=copy.fd)
    copy.started()
    assert program.wait() == 0
    ended = ended_in_thread(copy.ended)
    assert ended() == Excerpt(lines(1000))
    reader = Reader(pipe[0])
    os.close(pipe[1])
    assert reader.all().lstrip(b".") == lines(1000)


def ended_in_thread(work: Callable[[], Excerpt]) -> Callable[[], Excerpt]:
    results: list[Excerpt] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()

    def result() -> Excerpt:
        thread.join(120)
        return results[0]

    return result


def test_a_process_left_behind_keeps_its_output(pipe: tuple[int, int], tmp_path: Path) -> None:
    """The copy ends with the program; what a daemon writes later still reaches the person."""
    reader = Reader(pipe[0])
    go = tmp_path / "go"
    os.mkfifo(go)
    code, excerpt = run(pipe[1], "sh", "-c", f"echo first; (read x < {go}; echo later) & exit 0")
    assert (code, excerpt.text) == (0, b"first\n")
    os.close(pipe[1])
    go.write_text("now\n")
    assert reader.all() == b"first\nlater\n"
