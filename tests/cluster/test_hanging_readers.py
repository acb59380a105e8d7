"""A reader that hangs holds a rank for some seconds; one line says that nothing was measured."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from energybench.cluster.messages import Lines, line
from energybench.cluster.rank_run import Rank, socket_name
from energybench.launch import job
from energybench.launch_name import launch_name
from energybench.measuring import abstract_socket
from energybench.measuring.signals import Signals
from energybench.measuring.spawning import wait_for

_PATIENCE_S = 100.0  # far below the time after which a result is given up


@pytest.fixture(autouse=True)
def _own_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of this process alone: tests of other workers have readers of their own."""
    monkeypatch.setenv("SLURM_JOB_ID", str(os.getpid()))


Answers = Callable[[socket.socket, Lines], None]


def tell(rank: socket.socket, do: str, **content: str) -> None:
    rank.send(line({"do": do, **content}))


def hear(lines: Lines) -> str:
    """The kind of the rank's next message; "": the rank is gone."""
    while not lines:
        wait_for((lines.fd,), 10.0)
        lines.read()
    message = lines.next()
    return message["do"] if message is not None else ""


@contextmanager
def reader(answers: Answers, *, goes: bool = True) -> Iterator[None]:
    """A stand-in for the reader of this node, which talks to one rank as `answers` says.

    goes  whether it lets the program begin before
    """
    name = socket_name(os.environ, job(os.environ), launch_name(os.environ))
    listening = abstract_socket.bound(name)
    assert listening is not None
    listening.listen(1)

    def serve() -> None:
        rank, _ = listening.accept()
        with rank:
            lines = Lines(rank.fileno())
            assert hear(lines) == "join"
            if goes:
                tell(rank, "go")
            answers(rank, lines)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        listening.close()


def hangs_during_the_program(rank: socket.socket, lines: Lines) -> None:
    assert hear(lines) == "ended"
    assert hear(lines) == ""  # the rank has gone on


def hangs_at_its_result(rank: socket.socket, lines: Lines) -> None:
    assert hear(lines) == "ended"
    tell(rank, "heard")
    assert hear(lines) == ""


def is_killed_at_its_result(rank: socket.socket, lines: Lines) -> None:
    assert hear(lines) == "ended"
    tell(rank, "heard")


def is_killed_during_the_program(rank: socket.socket, lines: Lines) -> None:
    return


def refuses(rank: socket.socket, lines: Lines) -> None:
    assert hear(lines) == "ended"
    tell(rank, "heard")
    tell(rank, "refused", what="the store is full")


def takes_its_time(rank: socket.socket, lines: Lines) -> None:
    """Longer than the patience with a reader that says nothing."""
    assert hear(lines) == "ended"
    tell(rank, "heard")
    time.sleep(0.8)
    tell(rank, "bye", folder="store/.partial-app")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (hangs_during_the_program, "did not answer within 0.5 s after the end of the program"),
        (hangs_at_its_result, "did not answer within 2 s after the end of the program"),
        (is_killed_at_its_result, "ended before it had written its result"),
        (is_killed_during_the_program, "the reader of this node"),
        (refuses, "the store is full"),
    ],
)
def test_a_reader_without_a_result_costs_one_line(
    capfd: pytest.CaptureFixture[str], answers: Answers, words: str
) -> None:
    began_s = time.monotonic()
    with Signals() as signals, reader(answers):
        code = Rank({}, signals, heard_s=0.5, result_s=2.0).run(["sh", "-c", "sleep 0.2; exit 3"])
    assert code == 3
    (stated,) = capfd.readouterr().err.splitlines()
    assert stated.startswith("energybench: not measured: ")
    assert words in stated
    assert time.monotonic() - began_s < _PATIENCE_S


def says_nothing(rank: socket.socket, lines: Lines) -> None:
    assert hear(lines) == ""  # the rank has gone on


def refuses_before_the_program(rank: socket.socket, lines: Lines) -> None:
    tell(rank, "refused", what="label x was measured already")


def writes_half_a_message(rank: socket.socket, lines: Lines) -> None:
    rank.send(b'{"do": "g')


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (is_killed_during_the_program, "ended before the program began"),
        (writes_half_a_message, "ended before the program began"),
        (says_nothing, "did not answer within 0.5 s"),
        (refuses_before_the_program, "label x was measured already"),
    ],
)
def test_a_reader_that_does_not_let_the_program_begin_costs_one_line(
    capfd: pytest.CaptureFixture[str], answers: Answers, words: str
) -> None:
    """What the line says is what happened: an end is not a silence."""
    with Signals() as signals, reader(answers, goes=False):
        code = Rank({}, signals, go_s=0.5).run(["sh", "-c", "exit 3"])
    assert code == 3
    (stated,) = capfd.readouterr().err.splitlines()
    assert stated.startswith("energybench: not measured: ")
    assert words in stated


def test_a_reader_that_writes_for_long_is_waited_for(capfd: pytest.CaptureFixture[str]) -> None:
    with Signals() as signals, reader(takes_its_time):
        code = Rank({}, signals, heard_s=0.5, result_s=10.0).run(["true"])
    assert code == 0
    (stated,) = capfd.readouterr().err.splitlines()
    assert "energybench recover store/.partial-app" in stated
