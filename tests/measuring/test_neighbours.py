"""Who else was busy: with real processes, and with a /proc of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from energybench.measuring.clock import MonotonicClock
from energybench.measuring.neighbours import Neighbours, Slice
from energybench.measuring.other_load import STOLEN, UNATTRIBUTED, Ledger, others
from energybench.measuring.processes import Who
from tests.cli.process import until

BUSY = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"
DONE = "print('done', flush=True)\ntime.sleep(60)\n"
ORPHAN = "import os, sys\nif os.fork(): os._exit(0)\n"
A, B = Who(11, 1, "a"), Who(12, 1, "b")


def piece(
    start_s: float,
    end_s: float,
    spent: dict[Who, float] | None = None,
    rest_s: float = 0.0,
    stolen_s: float = 0.0,
) -> Slice:
    return Slice(
        start_s, end_s, spent or {}, rest_s, sum((spent or {}).values()) + rest_s, stolen_s
    )


def busy(found) -> dict[str, float]:  # type: ignore[no-untyped-def]
    return {load.name: load.busy for load in found}


# ---------------------------------------------------------------- what a repeat is charged with


def test_a_repeat_gets_its_share_of_the_looks_around_it() -> None:
    """Looks at 0, 4 and 8 s, a repeat from 2 to 6 s: half of each."""
    assert busy(others([piece(0, 4, {A: 4.0}), piece(4, 8, {A: 2.0})], 2.0, 6.0, 2)) == {
        "a": pytest.approx(0.75)
    }


def test_the_least_that_is_named_grows_with_the_machine() -> None:
    """5 % of a core on a small machine, 1 % of the cores on a large one; what is below adds up to
    nobody's load.
    """
    assert busy(others([piece(0, 10, {A: 0.6, B: 0.4})], 0, 10, 2)) == {"a": pytest.approx(0.06)}
    assert others([piece(0, 10, {A: 6.0})], 0, 10, 128) == []
    many = {Who(i, 1, f"p{i}"): 0.4 for i in range(100)}
    assert busy(others([piece(0, 10, many)], 0, 10, 2)) == {UNATTRIBUTED: pytest.approx(4.0)}


def test_differences_of_two_ways_to_count_are_no_load() -> None:
    """A rest of ticks, or a rest below zero, is nobody; a larger one has no name.

    Time stolen from a virtual machine is named as such.
    """
    assert others([piece(0, 1, rest_s=0.08)], 0, 1, 2) == []
    assert others([piece(0, 1, rest_s=-0.5)], 0, 1, 2) == []
    assert busy(others([piece(0, 1, rest_s=0.5, stolen_s=0.2)], 0, 1, 2)) == {
        UNATTRIBUTED: 0.5,
        STOLEN: 0.2,
    }


def test_what_was_not_looked_at_is_not_known() -> None:
    """Without a look that covers it, a repeat has nobody."""
    assert others([], 0, 1, 2) == []
    assert others([piece(5, 6, {A: 1.0})], 0, 1, 2) == []


def test_the_ledger_settles_each_repeat_once_and_loses_none() -> None:
    """A second repeat may begin before the look that settles the first; a long one is not held in
    thousands of pieces, nor is its sum changed.
    """
    ledger = Ledger()
    ledger.open(0.5)
    for i in range(1000):
        ledger.add(piece(i, i + 1, {A: 0.5}))
        assert ledger.settled(2) == []
    assert len(ledger._slices) < 5
    ledger.close(0.5, 1000.5)
    ledger.open(1000.6)
    assert ledger.settled(2) == []
    ledger.add(piece(1000, 1001, {A: 0.5}))
    assert busy(ledger.settled(2)) == {"a": pytest.approx(0.5)}
    assert ledger.settled(2) == []
    ledger.close(1000.6, 1003.0)
    assert busy(ledger.settled(2, last=True)) == {"a": pytest.approx(0.5)}


# ---------------------------------------------------------------- real processes


def looked(during: Callable[[], object], **more: object) -> Slice:
    """What a look finds of what happened since the look before it."""
    neighbours = Neighbours(Path("/"), MonotonicClock(), lambda: None, **more)  # type: ignore[arg-type]
    assert neighbours.look() is None
    during()
    result = neighbours.look()
    assert result is not None
    return result


def spent(found: Slice) -> dict[int, float]:
    return {who.pid: seconds for who, seconds in found.others.items()}


def spent_since(neighbours: Neighbours) -> dict[int, float]:
    result = neighbours.look()
    return spent(result) if result is not None else {}


def orphan(
    script: str, env: dict[str, str] | None = None, *, leaves_group: bool = True
) -> subprocess.Popen[str]:
    """Start a process that leaves our tree at once; its number is the first line of the answer's
    stdout.
    """
    leave = "os.setsid()\n" if leaves_group else ""
    return subprocess.Popen(
        [sys.executable, "-c", ORPHAN + leave + "print(os.getpid(), flush=True)\n" + script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **(env or {})},
    )


def number(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.wait()
    return pid


def test_a_stranger_is_charged_and_our_tree_is_not() -> None:
    """An orphan of its own session is somebody else with all of its CPU time; our own child is not,
    nor are we.
    """
    pids = {}

    def work() -> None:
        stranger = orphan(BUSY.format(0.3) + DONE)
        ours = subprocess.Popen(
            [sys.executable, "-c", "import time\n" + BUSY.format(0.3) + DONE],
            stdout=subprocess.PIPE,
            text=True,
        )
        pids["ours"], pids["stranger"] = ours.pid, number(stranger)
        for process in (ours, stranger):
            assert process.stdout is not None
            process.stdout.readline()

    try:
        result = spent(looked(work))
    finally:
        for pid in pids.values():
            os.kill(pid, 9)
    assert 0.25 < result[pids["stranger"]] < 0.6
    assert pids["ours"] not in result
    assert os.getpid() not in result


def test_a_daemon_that_was_seen_in_the_tree_stays_ours() -> None:
    """Looked at while its parent lived, it is known after that has ended."""
    script = (
        "import os, sys, time\npid = os.fork()\nif pid:\n  print(pid, flush=True); "
        "sys.stdin.read(); os._exit(0)\nos.setsid()\n" + BUSY.format(30)
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    daemon = int(parent.stdout.readline())
    try:
        neighbours = Neighbours(Path("/"), MonotonicClock(), lambda: None)
        neighbours.look()
        assert parent.stdin is not None
        parent.stdin.close()
        parent.wait()
        time.sleep(0.5)
        result = neighbours.look()
    finally:
        os.kill(daemon, 9)
    assert result is not None
    assert daemon not in spent(result)


def test_a_child_that_nobody_waited_for_stays_ours() -> None:
    """Its parent ended before anybody looked: its process group is the work's, though its parent is
    init.
    """
    pids: list[int] = []

    def work() -> None:
        pids.append(number(orphan(BUSY.format(0.3) + DONE, leaves_group=False)))
        time.sleep(0.5)

    try:
        result = spent(looked(work))
    finally:
        os.kill(pids[0], 9)
    assert pids[0] not in result


def test_children_that_come_and_go_are_charged_to_their_parent() -> None:
    """Nobody saw them alive: their time stands in the parent's once it has waited for them, and
    counts once.
    """
    once = f"subprocess.run([sys.executable, '-c', {BUSY.format(0.3)!r}])"
    script = f"import subprocess, sys, time\n{once}; {once}\n{DONE}"
    pids: list[int] = []

    def work() -> None:
        stranger = orphan(script)
        pids.append(number(stranger))
        assert stranger.stdout is not None
        stranger.stdout.readline()

    try:
        result = spent(looked(work))
    finally:
        os.kill(pids[0], 9)
    assert 0.5 < result[pids[0]] < 1.2


def test_what_slurm_starts_for_the_work_is_ours() -> None:
    """A task of srun is a child of slurmstepd: our job's number in its environment tells it, if it
    is younger than the work.
    """
    work = subprocess.Popen(["sleep", "600"])
    task = 0
    try:
        neighbours = Neighbours(Path("/"), MonotonicClock(), lambda: work.pid, job="4711")
        neighbours.look()
        task, other = (
            number(orphan(BUSY.format(600), {"SLURM_JOB_ID": job})) for job in ("4711", "4712")
        )
        charged: dict[int, float] = {}
        until(lambda: charged.update(spent_since(neighbours)) or other in charged)
        os.kill(other, 9)
    finally:
        work.kill()
        work.wait()
        if task:
            os.kill(task, 9)
    assert task not in charged


# ---------------------------------------------------------------- boards


class Boards:
    """A collector that knows who is on its boards."""

    def __init__(self) -> None:
        self.there: list[tuple[str, int]] = []
        self.fails = False

    def processes(self) -> list[tuple[str, int]]:
        if self.fails:
            raise OSError("gone")
        return self.there


def proc(root: Path, *, first: bool, stats: dict[int, tuple[str, int]]) -> None:
    """A /proc with processes {pid: (name, parent)}, in the first PID namespace or a container's."""
    (root / "proc/self/ns").mkdir(parents=True)
    (root / "proc/self/ns/pid").symlink_to("pid:[4026531836]" if first else "pid:[4026532999]")
    for pid, (name, parent) in stats.items():
        (root / f"proc/{pid}").mkdir()
        (root / f"proc/{pid}/stat").write_text(
            f"{pid} ({name}) S {parent} 0 0 0 -1 0 " + "0 " * 12 + "5 " + "0 " * 30 + "\n"
        )


def on_boards(
    root: Path, boards: Boards, before: list[tuple[str, int]]
) -> set[tuple[str, int, str]]:
    """Others on the boards while the work is process 100."""
    pids: list[int | None] = [None]
    neighbours = Neighbours(root, MonotonicClock(), lambda: pids[0], [boards])
    there, boards.there = boards.there, before
    neighbours.look()
    pids[0], boards.there = 100, there
    result = neighbours.look()
    assert result is not None
    return {(device, who.pid, who.name) for device, who in result.boards}


def test_others_on_a_board(tmp_path: Path) -> None:
    """The work and its children are not others; the server of CUDA's multi-process service is
    nobody; who cannot be seen is still there.
    """
    proc(
        tmp_path,
        first=True,
        stats={
            100: ("work", 1),
            101: ("rank 1)", 100),
            200: ("python3", 1),
            300: ("nvidia-cuda-mps", 1),
        },
    )
    boards = Boards()
    boards.there = [("GPU-a", pid) for pid in (100, 101, 200, 300, 400)]
    assert on_boards(tmp_path, boards, []) == {
        ("GPU-a", 200, "python3"),
        ("GPU-a", 400, "a process not visible here"),
    }


def test_in_a_container_only_who_was_there_before_is_another(tmp_path: Path) -> None:
    """The driver counts processes as the host does: a number that came with the work may be the
    work's own.
    """
    proc(tmp_path, first=False, stats={100: ("work", 1)})
    boards = Boards()
    boards.there = [("GPU-a", 9001), ("GPU-a", 9002)]
    assert on_boards(tmp_path, boards, [("GPU-a", 9001)]) == {
        ("GPU-a", 9001, "a process not visible here")
    }


def test_a_collector_that_fails_costs_its_answer(tmp_path: Path) -> None:
    """Nobody is named, nothing is raised; and without a /proc there is nobody either."""
    boards = Boards()
    boards.fails = True
    assert on_boards(tmp_path, boards, []) == set()
