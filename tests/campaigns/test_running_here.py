"""`submit --local` and signals: no program is left behind, and no case runs twice at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from energybench.measuring.signals import ENDING
from tests.cli.process import command, energybench, in_process, until

TWO = """\
schema = "energybench-campaign/1"
name = "two"
title = "Two cases on this machine"
repeats = 1
idle_s = 0
[cases.first]
command = ["sh", "-c", "echo $$ $PPID >> programs; until [ -e go ]; do sleep 0.05; done"]
[cases.second]
command = ["sh", "-c", "echo $$ $PPID >> programs"]
[platforms.here]
"""


def attentive() -> None:
    """Signals that a shell in the background lets its programs ignore are not ignored."""
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def submitted(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`submit --local`, once the program of its first case runs."""
    (tmp_path / "two.toml").write_text(TWO)
    process = subprocess.Popen(
        command("campaign", "submit", "two.toml", "--local"),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=attentive,
    )
    until(lambda: programs(tmp_path))
    yield process
    (tmp_path / "go").touch()
    process.kill()
    process.wait()
    until(lambda: not alive(tmp_path))


def programs(folder: Path) -> list[int]:
    """Process numbers of the programs that ran, and of what measured them."""
    file = folder / "programs"
    return [int(number) for number in file.read_text().split()] if file.exists() else []


def alive(folder: Path) -> list[int]:
    """Those that have not ended."""
    return [number for number in programs(folder) if not has_ended(number)]


def has_ended(number: int) -> bool:
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in ("Z", "X")


def states(folder: Path) -> dict[str, tuple[str, int]]:
    """State and number of measurements of every run."""
    ran = in_process("campaign", "status", "two.toml", "--local", "--json", cwd=folder)
    return {run["run"]: (run["state"], len(run["runs"])) for run in json.loads(ran.out)["runs"]}


@pytest.mark.parametrize("number", sorted(ENDING))
def test_a_signal_ends_the_programs_of_the_case_too(
    submitted: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    """It comes to the command alone, which ends after its programs, and begins no other case. The
    next submission makes what is missing.
    """
    submitted.send_signal(number)
    assert submitted.wait() == 128 + number
    assert alive(tmp_path) == []
    assert len(programs(tmp_path)) == 2
    (tmp_path / "go").touch()
    again = energybench("campaign", "submit", "two.toml", "--local", cwd=tmp_path)
    assert again.code == 0, again.err
    assert {state for state, _ in states(tmp_path).values()} == {"done"}


def test_a_signal_to_all_processes_ends_the_command_once(
    submitted: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """As Slurm signals the processes of a job."""
    program, measure = programs(tmp_path)
    os.killpg(os.getpgid(program), signal.SIGTERM)
    submitted.send_signal(signal.SIGTERM)
    assert submitted.wait() == 128 + signal.SIGTERM
    assert alive(tmp_path) == []
    assert not Path(f"/proc/{measure}").exists()


def test_cases_go_on_if_the_command_is_killed_and_do_not_run_twice(
    submitted: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """A second submission is refused as long as they go on. Then all is measured, once."""
    submitted.kill()
    submitted.wait()
    refused = energybench("campaign", "submit", "two.toml", "--local", cwd=tmp_path)
    assert refused.code == 2
    assert "programs that it started go on (wait, or end them)" in refused.err
    assert len(alive(tmp_path)) == 2
    (tmp_path / "go").touch()
    until(lambda: set(states(tmp_path).values()) == {("done", 1)})

    def accepted() -> bool:
        return energybench("campaign", "submit", "two.toml", "--local", cwd=tmp_path).code == 0

    until(accepted)
    assert set(states(tmp_path).values()) == {("done", 1)}
    assert len(programs(tmp_path)) == 4


def test_a_program_that_stays_behind_by_intent_keeps_nobody_from_submitting(
    tmp_path: Path,
) -> None:
    """A daemon of a case that has ended holds no lock."""
    daemon = "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $! > programs"
    (tmp_path / "two.toml").write_text(
        TWO.partition("[cases.first]")[0]
        + f'[cases.app]\ncommand = ["sh", "-c", "{daemon}"]\n[platforms.here]\n'
    )
    try:
        for _ in range(2):
            ran = energybench("campaign", "submit", "two.toml", "--local", cwd=tmp_path)
            assert ran.code == 0, ran.err
            assert len(alive(tmp_path)) == 1
    finally:
        for number in alive(tmp_path):
            os.kill(number, signal.SIGKILL)


FAILS = """\
schema = "energybench-campaign/1"
name = "fails"
title = "One case fails on every machine"
repeats = 1
idle_s = 0
[cases.bad]
command = ["no-such-program-here"]
[cases.good]
command = ["sleep", "0.3"]
[platforms.p1]
[platforms.p2]
"""


def test_a_case_that_fails_keeps_no_other_platform_from_running(tmp_path: Path) -> None:
    """Each platform is run, the exit code is that of the failure, and a case that was tried is not
    called "not submitted". The command of the last line can be copied.
    """
    (tmp_path / "one fails.toml").write_text(FAILS)
    ran = energybench("campaign", "submit", "one fails.toml", "--local", cwd=tmp_path)
    assert ran.code == 127
    assert "energybench campaign collect 'one fails.toml' --local" in ran.err
    shown = in_process("campaign", "status", "one fails.toml", "--local", "--json", cwd=tmp_path)
    states = {run["run"]: run["state"] for run in json.loads(shown.out)["runs"]}
    assert {state for run, state in states.items() if run.startswith("good")} == {"done"}
    tried = {state for run, state in states.items() if run.startswith("bad")}
    assert tried == {"ended without a result"}
    ran = in_process("campaign", "collect", "one fails.toml", "--local", "--json", cwd=tmp_path)
    result = json.loads(ran.out)
    assert {(run["run"], run["state"]) for run in result["unfinished"]} == {
        ("bad@p1", "ended without a result"),
        ("bad@p2", "ended without a result"),
    }
    assert result["missing"] == []
