"""Standard input of programs that `measure` and `ab` run several times."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.measuring.standard_input import StandardInput
from tests.cli.process import command, energybench, until

READS = "cat >> got; echo . >> got"


def measured(cwd: Path, stdin: int, *more: str) -> subprocess.CompletedProcess[str]:
    """Three repeats of a program that writes down its input."""
    return subprocess.run(
        command("measure", *more, "--repeats", "3", "--", "sh", "-c", READS),
        cwd=cwd,
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=800,
    )


def test_every_repeat_reads_a_file_from_where_it_stood(tmp_path: Path) -> None:
    """From the place at which the shell handed it over, not from its beginning."""
    (tmp_path / "in").write_text("head\nbody\n")
    with (tmp_path / "in").open("rb", buffering=0) as file:
        file.seek(len("head\n"))
        done = measured(tmp_path, file.fileno())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "got").read_text() == "body\n.\n" * 3


def test_both_commands_read_the_whole_file(tmp_path: Path) -> None:
    """All processes of `ab`, the two rehearsals included; a pipe with data is refused."""
    (tmp_path / "in").write_text("body\n")
    words = ("ab", "--blocks", "2", "--settle", "0", "--", "sh", "-c", READS, ":::", "cat")
    with (tmp_path / "in").open("rb") as file:
        done = subprocess.run(
            command(*words), cwd=tmp_path, stdin=file, capture_output=True, text=True, timeout=800
        )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "got").read_text() == "body\n.\n" * 3
    assert done.stdout.startswith("body\n" * 3)
    refused = energybench(*words, cwd=tmp_path, stdin="body\n")
    assert refused.code == 2
    assert "stdin: is a pipe" in refused.err


def test_a_pipe_that_ends_in_the_rehearsal_is_a_doubt(tmp_path: Path) -> None:
    """The processes after it find it empty."""
    reading, writing = os.pipe()
    words = ("ab", "--blocks", "2", "--settle", "0", "--", "sh", "-c", READS, ":::", "cat")
    process = subprocess.Popen(
        command(*words), cwd=tmp_path, stdin=reading, stdout=subprocess.PIPE, text=True
    )
    until(lambda: (tmp_path / "got").exists())
    os.write(writing, b"body\n")
    os.close(writing)
    os.close(reading)
    out, _ = process.communicate(timeout=800)
    assert process.returncode == 0
    assert "[stdin-once]" in out
    assert "ended in the rehearsal of sh" in out


def test_a_pipe_with_data_is_refused_before_the_program_starts(tmp_path: Path) -> None:
    """Several repeats need an input that can be read again; one repeat takes the pipe as it is."""
    refused = energybench(
        "measure", "--repeats", "3", "--", "sh", "-c", READS, cwd=tmp_path, stdin="body\n"
    )
    assert refused.code == 2
    (line,) = refused.err.strip().splitlines()
    assert "stdin: is a pipe" in line
    assert "sh -c 'PROGRAM < FILE'" in line
    assert not (tmp_path / "got").exists()
    assert not list((tmp_path / "results").iterdir())
    once = energybench("measure", "--", "sh", "-c", READS, cwd=tmp_path, stdin="body\n")
    assert once.code == 0
    assert (tmp_path / "got").read_text() == "body\n.\n"


@pytest.mark.parametrize("kind", ["null", "ended pipe"])
def test_an_input_that_is_the_same_for_every_repeat_needs_no_word(
    tmp_path: Path, kind: str
) -> None:
    """/dev/null, and a pipe that was at its end before the first repeat."""
    if kind == "null":
        fd = os.open(os.devnull, os.O_RDONLY)
    else:
        fd, other = os.pipe()
        os.close(other)
    done = measured(tmp_path, fd, "--json")
    os.close(fd)
    assert done.returncode == 0, done.stderr
    assert "stdin-once" not in done.stdout
    assert (tmp_path / "got").read_text() == ".\n" * 3


def test_a_pipe_that_ends_within_a_repeat_is_doubted(tmp_path: Path) -> None:
    """The writer was late: the first repeat takes everything, the others find nothing."""
    script = "touch started; " + READS
    running = subprocess.Popen(
        command("measure", "--json", "--repeats", "3", "--", "sh", "-c", script),
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until((tmp_path / "started").exists)
    out, err = running.communicate("late\n", timeout=800)
    assert running.returncode == 0, err
    assert (tmp_path / "got").read_text() == "late\n.\n.\n.\n"
    assert "ended in repeat 1, and was empty for 2 repeats after it" in out


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_a_pipe_holds_is_seen_without_taking_it(kind: str) -> None:
    """Data are refused and stay; an open pipe without data is no reason to refuse."""
    if kind == "pipe":
        reading, writing = os.pipe()
    else:
        ours, theirs = socket.socketpair()
        reading, writing = ours.detach(), theirs.detach()
    stdin = StandardInput(reading)
    stdin.check()
    stdin.begin()
    assert not stdin.ended()
    os.write(writing, b"x")
    with pytest.raises(BadInput, match="is a pipe that holds data"):
        stdin.check()
    assert not stdin.ended()
    os.close(writing)
    assert not stdin.ended()  # a byte is left for another repeat
    assert os.read(reading, 9) == b"x"
    assert stdin.ended()
    stdin.begin()
    assert not stdin.ended()  # the next repeat began with what it had
    os.close(reading)


def test_a_closed_input_stays_closed() -> None:
    """As after `<&-`."""
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    stdin = StandardInput(reading)
    stdin.check()
    stdin.begin()
    assert not stdin.ended()
