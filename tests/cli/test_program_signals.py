"""Signals and the measured program: as without energybench, also those that Python ignores or that
stop a process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.cli.process import command, until
from tests.simulators import live_node

SHOWS_SIGNALS = ("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
ZONES = {"intel-rapl:0": {"name": "package-0", "watts": 60}}
STOP_S = 2.0
# The C library's posix_spawn has the program ignore the two signals that the library keeps to
# itself; no program can send or take them by name.
C_LIBRARY = 0b11 << 31


def ignoring(numbers: Iterable[int]) -> Callable[[], None]:
    """As `nohup` and `trap '' SIGNAL` do before they start a command."""

    def ignore() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

    return ignore


def signals_of(arguments: Iterable[str], cwd: Path, ignored: Iterable[int]) -> list[int]:
    """Which signals a command finds blocked and ignored."""
    done = subprocess.run(
        [*arguments], cwd=cwd, preexec_fn=ignoring(ignored), capture_output=True, text=True
    )
    return [int(line.split()[1], 16) & ~C_LIBRARY for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "ignored",
    [(), (signal.SIGHUP,), (signal.SIGINT, signal.SIGQUIT), (signal.SIGTSTP, signal.SIGUSR1)],
    ids=["none", "nohup", "a background job of sh", "others"],
)
def test_the_program_starts_with_the_signals_of_its_caller(
    tmp_path: Path, ignored: tuple[int, ...]
) -> None:
    """SIGPIPE, which Python ignores, has its default; what the caller ignored stays ignored."""
    alone = signals_of(SHOWS_SIGNALS, tmp_path, ignored)
    assert signals_of(command("measure", "--", *SHOWS_SIGNALS), tmp_path, ignored) == alone


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGRTMIN + 3, signal.SIGUSR1])
def test_a_signal_to_the_measuring_side_ends_the_program(tmp_path: Path, number: int) -> None:
    """A program without a handler ends by the signal, whichever it is."""
    running = job(tmp_path, "touch started; exec sleep 600")
    os.kill(running.pid, number)
    running.communicate(timeout=800)
    assert running.returncode == 128 + number


def test_a_hang_up_that_is_ignored_does_not_end_the_run(tmp_path: Path) -> None:
    """As under nohup: all repeats are measured."""
    script = "touch started; while [ ! -e go ]; do sleep 0.05; done"
    running = job(tmp_path, script, "--repeats", "2", ignored=(signal.SIGHUP,))
    os.kill(running.pid, signal.SIGHUP)
    (tmp_path / "go").touch()
    out, err = running.communicate(timeout=800)
    assert running.returncode == 0, err
    assert len(json.loads(out)["repeats"]) == 2


@pytest.mark.parametrize("to_group", [False, True], ids=["to one process", "to the group"])
def test_ctrl_z_stops_the_program_and_the_measuring_side(tmp_path: Path, to_group: bool) -> None:
    """The shell sees a stopped job; `fg` continues both."""
    running = job(tmp_path, "echo $$ > pid; touch started; exec sleep 600")
    send = os.killpg if to_group else os.kill
    pids = (running.pid, int((tmp_path / "pid").read_text()))
    send(running.pid, signal.SIGTSTP)
    until(lambda: [state(pid) for pid in pids] == ["T", "T"])
    send(running.pid, signal.SIGCONT)
    until(lambda: "T" not in [state(pid) for pid in pids])
    os.kill(running.pid, signal.SIGTERM)
    running.communicate(timeout=800)
    assert running.returncode == 143


def test_a_stop_of_the_whole_job_is_named(tmp_path: Path) -> None:
    """Ctrl-Z and fg: not a counter that was reset. (That a busy machine is not blamed for the stop
    is tested with a clock of the test's own: on a busy machine it may be to blame as well.)
    """
    with live_node(tmp_path / "root", ZONES):
        script = "touch started; while [ ! -e go ]; do sleep 0.05; done"
        running = job(tmp_path, script, "--root", str(tmp_path / "root"))
        os.killpg(running.pid, signal.SIGSTOP)
        time.sleep(STOP_S)  # the stop itself
        os.killpg(running.pid, signal.SIGCONT)
        (tmp_path / "go").touch()
        out, err = running.communicate(timeout=800)
    assert running.returncode == 0, err
    result = json.loads(out)
    codes = {doubt["code"] for doubt in result["doubts"]}
    assert "measuring-stopped" in codes
    assert "counter-reset" not in codes
    package, time_s = result["components_j"]["cpu.package"], result["time_s"]
    assert time_s["high"] >= STOP_S
    assert package["low"] <= 60 * time_s["high"]
    assert package["high"] >= 60 * time_s["low"]


def test_an_end_during_a_stop_of_the_measuring_side_may_be_at_any_time(tmp_path: Path) -> None:
    """The program goes on and ends while the measuring process alone is stopped."""
    with live_node(tmp_path / "root", ZONES):
        script = "echo $$ > pid; touch started; while [ ! -e go ]; do sleep 0.05; done"
        running = job(tmp_path, script, "--root", str(tmp_path / "root"))
        os.kill(running.pid, signal.SIGSTOP)
        (tmp_path / "go").touch()
        until(lambda: state(int((tmp_path / "pid").read_text())) == "Z")
        time.sleep(STOP_S)  # the stop itself
        os.kill(running.pid, signal.SIGCONT)
        out, err = running.communicate(timeout=800)
    assert running.returncode == 0, err
    result = json.loads(out)
    assert "measuring-stopped" in {doubt["code"] for doubt in result["doubts"]}
    assert result["time_s"]["high"] - result["time_s"]["low"] >= STOP_S


def job(
    cwd: Path, script: str, *options: str, ignored: Iterable[int] = ()
) -> subprocess.Popen[str]:
    """A measurement in a process group of its own, as a shell's job, whose program has begun."""
    running = subprocess.Popen(
        command("measure", "--json", *options, "--", "sh", "-c", script),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        preexec_fn=ignoring(ignored),
    )
    until((cwd / "started").exists)
    return running


def state(pid: int) -> str:
    """State of a process, such as R, S or T: proc_pid_stat(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
