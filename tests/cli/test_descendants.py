"""Processes that a measured program starts and that go on after its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.process import Ran, energybench, in_process

BUSY = "while :; do :; done"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in which a script writes the number of the process that it leaves behind."""
    yield tmp_path
    for file in tmp_path.glob("pid*"):
        with suppress(ProcessLookupError, ValueError):
            os.kill(int(file.read_text()), signal.SIGKILL)


def measured(script: str, folder: Path, *options: str) -> Ran:
    ran = energybench("measure", "--json", *options, "--", "sh", "-c", script, cwd=folder)
    assert ran.code == 0, ran.err
    return ran


def codes(ran: Ran) -> dict[str, str]:
    return {doubt["code"]: doubt["message"] for doubt in ran.json["doubts"]}


@pytest.mark.parametrize(
    "started",
    [f"sh -c '{BUSY}' & echo $! > pid", f"setsid -f sh -c 'echo $$ > pid; {BUSY}'"],
    ids=["in the background", "a daemon in a session of its own"],
)
def test_work_that_goes_on_after_the_program_is_a_part(folder: Path, started: str) -> None:
    """The window of the program holds almost nothing of the work: it is named, and not compared."""
    script = f"exec >/dev/null 2>&1; {started}; while [ ! -s pid ]; do sleep 0.01; done"
    ran = measured(script, folder)
    assert "still ran when it ended, in repeat 1: sh (process " in codes(ran)["descendants-run"]
    assert "processes that the program had started went on working" in codes(ran)["cut-off"]
    assert ran.json["partial"]
    assert Path(f"/proc/{int((folder / 'pid').read_text())}").exists()  # left alone
    compared = in_process("compare", "latest", "latest", cwd=folder)
    assert compared.code == 2
    assert "was measured to the end of its work" in compared.err


def test_an_idle_daemon_is_named_and_the_program_is_whole(folder: Path) -> None:
    """Such as an agent or a cache that a program starts when it needs one."""
    script = "sleep 600 >/dev/null 2>&1 & echo $! > pid"
    ran = measured(script, folder)
    assert "sleep (process " in codes(ran)["descendants-run"]
    assert not ran.json["partial"]


def test_a_descendant_belongs_to_the_repeat_that_started_it(folder: Path) -> None:
    """A busy service that the first repeat starts costs the first repeat alone."""
    script = f"[ -e pid ] || {{ exec >/dev/null 2>&1; sh -c '{BUSY}' & echo $! > pid; }}"
    ran = measured(script, folder, "--repeats", "3")
    assert "in repeat 1:" in codes(ran)["descendants-run"]
    assert len(ran.json["repeats"]) == 2
    assert not ran.json["partial"]


@pytest.mark.parametrize(
    "script", ["sleep 0.01 & wait", "true", "(sleep 0.01; true) | cat"], ids=str
)
def test_a_program_that_waits_for_its_children_leaves_nothing(folder: Path, script: str) -> None:
    ran = measured(script, folder)
    assert "descendants-run" not in codes(ran)


def test_processes_of_others_are_not_descendants(folder: Path) -> None:
    """A process that starts during the run, in the same session, by the same user."""
    script = "touch started; while [ ! -e other ]; do sleep 0.01; done"
    other = f"while [ ! -e started ]; do sleep 0.01; done; {BUSY}"
    pid = os.posix_spawnp("sh", ["sh", "-c", f"cd {folder}; {other}"], os.environ)
    (folder / "pid").write_text(str(pid))
    (folder / "other").touch()
    ran = measured(script, folder)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert "descendants-run" not in codes(ran)
