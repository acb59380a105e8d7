"""The measurement is never the program's fate: signals, drivers that hang or crash, storage that
fails, and files that the program inherits.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import command, energybench, in_process, until, with_env
from tests.simulators import live_node, nvml_environment

# blocks every signal, notes each one that comes, and ends with code 3 at the last
NOTES_SIGNALS = """
import os, pathlib, signal, sys
numbers = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
pathlib.Path("started").touch()
with open("got", "a") as got:
    while True:
        number = signal.sigwaitinfo(numbers).si_signo
        if number == signal.SIGRTMAX:
            sys.exit(3)
        print(number, file=got, flush=True)
"""
LAST = signal.SIGRTMAX
# no process can take the first two; SIGCHLD tells the measuring side of its own children
NOT_SENT = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, LAST}
BOARDS = "count=2\nwave=const,100\n"
ZONES = {
    "intel-rapl:0": {"name": "package-0", "watts": 60},
    "intel-rapl:0:0": {"name": "dram", "watts": 8},
}
Tree = tuple[Path, dict[str, str]]


def start(cwd: Path, *arguments: str, env: dict[str, str] | None = None) -> Any:
    return subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=with_env(env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def descendants(pid: int) -> dict[int, str]:
    """Command lines of the processes below a process, by process number."""
    parents, lines = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(entry.name)] = int(
                (entry / "stat").read_text().rpartition(")")[2].split()[1]
            )
            lines[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ").strip()
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return {child: lines.get(child, "") for child in below}


def noted(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "got").read_text().split()]


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Any]:
    """A measured program that notes its signals."""
    running = start(tmp_path, "measure", "--json", "--", sys.executable, "-S", "-c", NOTES_SIGNALS)
    until((tmp_path / "started").exists)
    yield running
    running.kill()
    running.wait()


def test_a_signal_reaches_the_program_once(tmp_path: Path, listening: Any) -> None:
    """Sent to the measuring side alone, to its process group as by a terminal, and to every process
    of the job as by Slurm.
    """
    alone, group, everyone = (signal.SIGRTMIN + i for i in range(3))
    os.kill(listening.pid, alone)
    until(lambda: alone in noted(tmp_path))
    os.killpg(listening.pid, group)
    until(lambda: group in noted(tmp_path))
    for pid in descendants(listening.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, everyone)
    until(lambda: everyone in noted(tmp_path))
    os.kill(listening.pid, LAST)  # whatever was sent on came before
    out, err = listening.communicate(timeout=800)
    assert listening.returncode == 3, err
    assert noted(tmp_path) == [alone, group, everyone]
    assert json.loads(out)["repeats"]


def test_no_signal_ends_the_measuring_side(tmp_path: Path, listening: Any) -> None:
    """Every signal that can be caught is passed on once, and the result stands. (The process group
    is without a terminal's session, in which SIGTSTP and its like stop nobody.)
    """
    sent = sorted(signal.valid_signals() - NOT_SENT)
    for number in sent:
        os.kill(listening.pid, number)
        until(lambda number=number: number in noted(tmp_path))
    os.kill(listening.pid, LAST)
    out, err = listening.communicate(timeout=800)
    assert listening.returncode == 3, err
    assert sorted(noted(tmp_path)) == sent
    assert "interrupted" in {doubt["code"] for doubt in json.loads(out)["doubts"]}


def test_a_program_that_handles_sigterm_ends_with_its_own_code(tmp_path: Path) -> None:
    """A graceful end at a time limit is not a failure of the program."""
    script = 'trap "exit 0" TERM; touch started; while :; do sleep 0.05; done'
    running = start(tmp_path, "measure", "--json", "--", "sh", "-c", script)
    until((tmp_path / "started").exists)
    os.kill(running.pid, signal.SIGTERM)
    out, err = running.communicate(timeout=800)
    assert running.returncode == 0, err
    messages = {doubt["code"]: doubt["message"] for doubt in json.loads(out)["doubts"]}
    assert re.fullmatch(
        r"SIGTERM came in repeat 1 of 1, [\d.]+ s after its start; .*", messages["interrupted"]
    )
    assert "whether it did all of its work is not known" in messages["signal-handled"]
    assert "cut-off" not in messages


@pytest.mark.parametrize(
    ("script", "code", "doubt"),
    [
        ("trap : TERM; touch started; while [ ! -e go ]; do sleep 0.05; done; exit 0", 0,
         "signal-handled"),
        ("trap : TERM; touch started; while [ ! -e go ]; do sleep 0.05; done; exit 7", 7,
         "signal-handled"),
        ("touch started; exec sleep 600", 143, "cut-off"),
    ],
    ids=["goes on to the end", "ends with a code", "dies"],
)  # fmt: skip
def test_how_a_program_ended_after_a_signal_is_told_apart(
    tmp_path: Path, script: str, code: int, doubt: str
) -> None:
    """A signal to the wrapper alone or to the whole group: a program that ended by itself may have
    done all of its work, and a program that the signal ended has not.
    """
    for to_group in (False, True):
        for name in ("started", "go"):
            (tmp_path / name).unlink(missing_ok=True)
        running = start(tmp_path, "measure", "--json", "--", "sh", "-c", script)
        until((tmp_path / "started").exists)
        if to_group:
            os.killpg(running.pid, signal.SIGTERM)
        else:
            os.kill(running.pid, signal.SIGTERM)
        (tmp_path / "go").touch()
        out, err = running.communicate(timeout=800)
        assert running.returncode == code, err
        document = json.loads(out)
        assert document["partial"]
        assert {"cut-off", "signal-handled"} & codes(document) == {doubt}


# ---------------------------------------------------------------- drivers


@contextlib.contextmanager
def node(folder: Path, boards: str) -> Iterator[Tree]:
    """A node with a socket of 60 W, memory of 8 W and two boards of 100 W."""
    (folder / "root").mkdir()
    with live_node(folder / "root", ZONES):
        yield folder / "root", nvml_environment(folder, boards)


def codes(document: Any) -> set[str]:
    return {doubt["code"] for doubt in document["doubts"]}


def test_a_driver_that_hangs_costs_its_own_channels(tmp_path: Path) -> None:
    """The program ends when it ends, with its code; the other sensors go on; the doubt says from
    when the driver was silent.
    """
    with node(tmp_path, f"{BOARDS}hang=0.5\n") as (root, env):
        script = "sleep 2; exit 5"
        ran = energybench(
            "measure",
            "--json",
            "--root",
            str(root),
            "--",
            "sh",
            "-c",
            script,
            cwd=tmp_path,
            env=env,
        )
    assert ran.code == 5, ran.err
    assert "sensor-silent" in codes(ran.json)
    time_s = ran.json["time_s"]
    assert time_s["high"] >= 2.0  # never less than the sleep
    package = ran.json["components_j"]["cpu.package"]
    watts = package["value"] / time_s["value"]
    assert watts == pytest.approx(60, rel=0.1)
    truth_j = (60 + 8 + 200) * time_s["value"]
    assert ran.json["energy_j"]["low"] < truth_j < ran.json["energy_j"]["high"]


def test_a_driver_that_crashes_takes_only_its_own_process(tmp_path: Path) -> None:
    with node(tmp_path, BOARDS) as (root, env):
        script = "touch started; while [ ! -e end ]; do sleep 0.05; done; exit 4"
        running = start(
            tmp_path, "measure", "--json", "--root", str(root), "--", "sh", "-c", script, env=env
        )
        until((tmp_path / "started").exists)
        readers = [
            pid for pid, line in descendants(running.pid).items() if line == "reader of nvml"
        ]
        os.kill(readers[0], signal.SIGKILL)
        until(lambda: readers[0] not in descendants(running.pid))
        (tmp_path / "end").touch()
        out, err = running.communicate(timeout=800)
    assert running.returncode == 4, err
    result = json.loads(out)
    (message,) = [d["message"] for d in result["doubts"] if d["code"] == "sensor-silent"]
    assert "SIGKILL" in message
    assert result["components_j"]["cpu.package"]["value"] > 0


def test_a_driver_that_does_not_even_start_can_be_interrupted(tmp_path: Path) -> None:
    with node(tmp_path, BOARDS) as (root, env):
        hanging = {**env, "NVMLSIM_INIT_HANG": "1"}
        running = start(
            tmp_path, "measure", "--root", str(root), "--", "touch", "started", env=hanging
        )
        until(lambda: "reader of nvml" in descendants(running.pid).values())
        os.kill(running.pid, signal.SIGTERM)
        _, err = running.communicate(timeout=800)
    assert running.returncode == 143
    assert "nothing was measured" in err
    assert not (tmp_path / "started").exists()


def test_a_driver_that_hangs_while_it_is_opened_leaves_missing_boards(tmp_path: Path) -> None:
    """A driver without a board does not load: its boards are missing, in unknown number."""
    with node(tmp_path, BOARDS) as (root, env):
        hanging = {**env, "NVMLSIM_INIT_HANG": "1"}
        done = energybench(
            "measure", "--json", "--root", str(root), "--", "true", cwd=tmp_path, env=hanging
        )
    codes = [doubt["code"] for doubt in done.json["doubts"]]
    assert {"sensor-silent", "gpu-unreadable", "part-missing"} <= set(codes)
    boards = [p for p in done.json["boundary"]["parts"] if p["component"] == "gpu.board"]
    assert [part["state"] for part in boards] == ["missing"]


# ---------------------------------------------------------------- storage, files, scripts


def with_files_of(most_bytes: int, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line where no file may grow beyond so many bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY))

    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=800,
    )


def test_storage_that_fails_costs_neither_the_program_nor_its_code(tmp_path: Path) -> None:
    """The file size limit stops the samples in mid-run; the program ends by itself, and the line
    says what to do.
    """
    script = "sleep 0.5; exit 3"
    done = with_files_of(6000, tmp_path, "measure", "--repeats", "3", "--", "sh", "-c", script)
    assert done.returncode == 3, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert "File too large" in line
    assert "energybench recover" in line
    recovered = in_process("recover", "results", cwd=tmp_path)
    assert recovered.code == 0, recovered.err


def test_a_start_without_space_leaves_nothing(tmp_path: Path) -> None:
    """One line, the program is not run, and no unfinished run stays in the store."""
    done = with_files_of(100, tmp_path, "measure", "--", "touch", "started")
    assert done.returncode == 125, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert "cannot be written" in line
    assert not (tmp_path / "started").exists()
    assert not list((tmp_path / "results").iterdir())


def test_open_files_are_inherited(tmp_path: Path) -> None:
    """As a make's job server and the shell's `<(…)` need."""
    reading, writing = os.pipe()
    os.write(writing, b"through the pipe\n")
    os.close(writing)
    done = subprocess.run(
        command("measure", "--", "cat", f"/dev/fd/{reading}"),
        cwd=tmp_path,
        pass_fds=(reading,),
        capture_output=True,
        text=True,
        timeout=800,
    )
    os.close(reading)
    assert (done.returncode, done.stdout) == (0, "through the pipe\n"), done.stderr


def test_a_script_without_a_first_line_is_run_by_the_shell(tmp_path: Path) -> None:
    """As by execvp, so by `time` and `nohup`."""
    (tmp_path / "script").write_text('echo "$1 and $2"\n')
    (tmp_path / "script").chmod(0o755)
    ran = energybench("measure", "--", "./script", "one", "two", cwd=tmp_path)
    assert (ran.code, ran.out) == (0, "one and two\n")
