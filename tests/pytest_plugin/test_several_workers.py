"""pytest-xdist: an energy test has the machine to itself, and nothing that dies holds it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from energybench.pytest_plugin.machine_lock import Machine
from tests.pytest_plugin.runs import PATIENCE_S, QUICK, Pytest

MIXED = """
    import json
    import os
    import time
    import pytest

    def stamped(kind, start):
        with open(f"times-{os.getpid()}.jsonl", "a") as file:
            print(json.dumps([kind, start, time.monotonic()]), file=file)

    @pytest.fixture
    def stamp(request):
        start = time.monotonic()
        yield
        stamped("energy" if "energy" in request.node.name else "ordinary", start)

    @pytest.mark.parametrize("n", range(24))
    def test_ordinary(stamp, n):
        time.sleep(0.05)

    @pytest.mark.parametrize("n", range(3))
    def test_energy_own(stamp, energy_benchmark, n):
        energy_benchmark(time.sleep, 0.001)

    @pytest.mark.parametrize("n", range(3))
    def test_energy_theirs(stamp, benchmark, n):
        assert benchmark(time.sleep, 0.001) is None
"""


def test_energy_tests_overlap_with_no_test_of_any_worker(newest: Pytest) -> None:
    """By the time stamps of all tests. pytest-benchmark is disabled under xdist; the energy pass
    runs all the same, and its results reach the table and JUnit.
    """
    newest.write(MIXED)
    session = newest.measure(*QUICK, "-n", "4", "--junitxml=junit.xml")
    assert session.code == 0, session.out
    stays = sorted(
        (
            tuple(json.loads(line))
            for path in newest.folder.glob("times-*.jsonl")
            for line in path.read_text().splitlines()
        ),
        key=lambda stay: stay[1],
    )
    kinds = [kind for kind, _, _ in stays]
    assert (kinds.count("energy"), kinds.count("ordinary")) == (6, 24)
    energy = [(start, end) for kind, start, end in stays if kind == "energy"]
    for kind, start, end in stays:
        overlaps = [
            one for one in energy if one != (start, end) and one[0] < end and start < one[1]
        ]
        assert not overlaps, (kind, start, end, overlaps)
    assert all(first[1] <= second[0] for first, second in pairwise(energy))
    for name in ("own", "theirs"):
        for n in range(3):
            assert session.row(f"test_energy_{name}[{n}]")
            assert float(session.properties[f"test_energy_{name}[{n}]"]["energy_j"]) > 0


def test_worker_that_dies_holds_up_nobody(newest: Pytest) -> None:
    """os._exit in an energy test: xdist says so, and the other tests are measured."""
    newest.write(
        """
        import os
        import time
        import pytest

        def test_dies(energy_benchmark):
            energy_benchmark(os._exit, 3)

        @pytest.mark.parametrize("n", range(2))
        def test_lives(energy_benchmark, n):
            energy_benchmark(time.sleep, 0.001)

        def test_plain():
            pass
        """
    )
    session = newest.measure("-n", "2")
    assert "1 failed, 3 passed" in session.lines[-1], session.out
    assert session.row("test_lives[0]")
    assert session.row("test_lives[1]")


def test_sampling_process_that_is_killed_costs_one_result(alone: Pytest) -> None:
    """The test passes, its line says why there is no energy, and the next test is measured."""
    alone.write(
        """
        import os
        import signal
        import time

        def kill(box):
            from energybench.api.link import link

            if box:
                box.pop()
                return
            sampler = link()
            while sampler.pid is None:
                assert sampler.alive
            os.kill(sampler.pid, signal.SIGKILL)

        def test_killed(energy_benchmark):
            energy_benchmark(kill, [1])
            assert energy_benchmark.energy is None

        def test_next(energy_benchmark):
            energy_benchmark(time.sleep, 0.001)
            assert energy_benchmark.energy is not None

        def test_killed_between_tests(energy_benchmark):
            from energybench.api.link import link
            os.kill(link().pid, signal.SIGKILL)
            energy_benchmark(time.sleep, 0.001)
            assert energy_benchmark.energy is not None
        """
    )
    session = alone.measure()
    assert session.code == 0, session.out
    assert "not measured" in session.row("test_killed:")
    assert session.has_energy("test_next")


def test_sampling_process_that_is_killed_in_any_phase(newest: Pytest) -> None:
    """In a pedantic round and in the energy pass of `benchmark`, with warnings as errors: each test
    passes with one line, and the next is measured.
    """
    newest.write(
        """
        import os
        import signal
        import sys
        import time

        def kill(calls, at):
            from energybench.api.link import link

            calls.append(1)
            if len(calls) == at:
                sampler = link()
                while sampler.pid is None:
                    assert sampler.alive
                os.kill(sampler.pid, signal.SIGKILL)

        def test_pedantic(benchmark):
            calls = []
            benchmark.pedantic(kill, args=(calls, 3), rounds=5)
            assert len(calls) == 5

        def in_a_window():
            frame = sys._getframe()
            while frame is not None and frame.f_code.co_name != "drive":
                frame = frame.f_back
            return frame is not None and frame.f_locals["turn"].begun is not None

        def test_windows(benchmark):
            calls = []

            def function():
                if in_a_window():
                    kill(calls, 2)

            benchmark(function)

        def test_next(benchmark):
            benchmark(time.sleep, 0.001)
        """
    )
    session = newest.measure(*QUICK, "-W", "error")
    assert "3 passed" in session.lines[-1], session.out
    assert session.row("test_pedantic: not measured: ")
    assert any(line.startswith("test_windows: not measured: ") for line in session.table)
    assert session.has_energy("test_next ")


HOLDER = """
import sys, time
from energybench.pytest_plugin.machine_lock import Machine
machine = Machine(60.0, print)
machine.open()
with machine.stay(alone=sys.argv[1] == "alone", name="holder"):
    print("in", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder_of_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Locks that only this test uses."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def holder(kind: str) -> subprocess.Popen[str]:
    """Another process that holds the machine."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, kind], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    return process


@pytest.mark.parametrize(
    ("theirs", "ours", "together"),
    [
        ("alone", True, False),
        ("alone", False, False),
        ("together", True, False),
        ("together", False, True),
    ],
)
def test_waits_end(folder_of_locks: Path, theirs: str, ours: bool, together: bool) -> None:
    """Ordinary tests share the machine; every other wait is given up in the end, and the test goes
    on and knows. A holder that is killed frees the machine.
    """
    del folder_of_locks
    said: list[str] = []
    process = holder(theirs)
    machine = Machine(0.2, said.append)
    machine.open()
    with machine.stay(alone=ours, name="test") as stay:
        assert stay.alone is together
        assert (stay.waited_s >= 0.2) is not together
    os.kill(process.pid, signal.SIGKILL)
    process.wait(PATIENCE_S)
    with machine.stay(alone=ours, name="test") as stay:
        assert stay.alone
    machine.close()


def test_energy_test_that_waits_is_not_overtaken(folder_of_locks: Path) -> None:
    """Ordinary tests that come later wait behind it, or else a stream of them would never end."""
    del folder_of_locks
    first = holder("together")
    waiting = subprocess.Popen(
        [sys.executable, "-c", HOLDER, "alone"], stdout=subprocess.PIPE, text=True
    )
    late = Machine(0.2, lambda line: None)
    late.open()
    until_s = time.monotonic() + PATIENCE_S
    while True:  # until the waiting process has reached the turnstile
        with late.stay(alone=False, name="late") as stay:
            if not stay.alone:
                break
        assert time.monotonic() < until_s
    first.kill()
    first.wait(PATIENCE_S)
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "in\n"
    waiting.kill()
    waiting.wait(PATIENCE_S)


def test_locks_of_somebody_else_are_not_used(folder_of_locks: Path) -> None:
    """A folder that cannot be trusted: tests run, and say that they are not kept apart."""
    (folder_of_locks / f"energybench-locks-{os.getuid()}").symlink_to(folder_of_locks)
    machine = Machine(0.2, lambda line: None)
    machine.open()
    assert machine.trouble is not None
    with machine.stay(alone=True, name="test") as stay:
        assert not stay.alone
