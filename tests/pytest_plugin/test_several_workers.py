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
# Fixtures that no signature names: asked for in the test, and in a fixture of the user.
ASKED = """
    import json
    import os
    import time
    import pytest

    @pytest.fixture
    def asking(request):
        return request.getfixturevalue("energy_benchmark")

    def stamped(kind):
        start = time.monotonic()
        time.sleep(0.05)
        with open(f"times-{os.getpid()}.jsonl", "a") as file:
            print(json.dumps([kind, start, time.monotonic()]), file=file)

    @pytest.mark.parametrize("n", range(24))
    def test_ordinary(n):
        stamped("ordinary")

    @pytest.mark.parametrize("n", range(4))
    def test_asked_in_a_fixture(asking, n):
        asking(stamped, "energy")

    @pytest.mark.parametrize("name", ["benchmark", "energy_benchmark"])
    def test_asked_in_the_test(request, name):
        time.sleep(0.02)
        request.getfixturevalue(name)(stamped, "energy")
"""


def stays_of(folder: Path) -> list[tuple[str, float, float]]:
    """The time stamps of the tests, in order."""
    lines = [line for path in folder.glob("times-*.jsonl") for line in path.open()]
    stays = [tuple(json.loads(line)) for line in lines]
    return sorted(stays, key=lambda stay: stay[1])


def test_energy_tests_overlap_with_no_test_of_any_worker(newest: Pytest) -> None:
    """By the time stamps of all tests. pytest-benchmark is disabled under xdist; the energy pass
    runs all the same, and its results reach the table and JUnit.
    """
    newest.write(MIXED)
    session = newest.measure(*QUICK, "-n", "4", "--junitxml=junit.xml")
    assert session.code == 0, session.out
    stays = stays_of(newest.folder)
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


def test_a_fixture_that_is_asked_for_by_name_has_the_machine_to_itself(newest: Pytest) -> None:
    """By the time stamps of every call: of two tests at least one of which measures, none overlap,
    and no line says that a test was not alone.
    """
    newest.write(ASKED)
    session = newest.measure(*QUICK, "-n", "4")
    assert session.code == 0, session.out
    stays = stays_of(newest.folder)
    kinds = [kind for kind, _, _ in stays]
    assert kinds.count("ordinary") == 24
    assert kinds.count("energy") >= 6 * 4  # the test's own call, and three windows
    energy = [stay for stay in stays if stay[0] == "energy"]
    for stay in stays:
        overlaps = [one for one in energy if one != stay and one[1] < stay[2] and stay[1] < one[2]]
        assert not overlaps, (stay, overlaps)
    assert "not alone" not in session.out
    for row in ("fixture[0]", "fixture[3]", "the_test[benchmark]", "the_test[energy_benchmark]"):
        assert session.has_energy(
            f"test_asked_in_a_{row} " if "fix" in row else f"test_asked_in_{row} "
        )


@pytest.mark.parametrize("source", ["named", "asked"])
def test_a_test_that_is_not_alone_is_neither_judged_nor_saved(newest: Pytest, source: str) -> None:
    """The wait for an ordinary test of another session ends: the line says so, whichever way the
    test got its fixture, and its energy is no baseline.
    """
    newest.write(
        """
        import time
        import pytest

        @pytest.mark.energy(max_j=1e-12)
        def test_it(request):
            request.getfixturevalue("benchmark")(time.sleep, 0.001)
        """.replace("(request)", "(request, benchmark)" if source == "named" else "(request)")
    )
    (newest.folder / "other").mkdir()
    (newest.folder / "other/test_long.py").write_text(
        "import pathlib, time\n"
        "def test_long():\n"
        "    pathlib.Path('begun').touch()\n"
        "    time.sleep(600)\n"
    )
    other = newest.start("--benchmark-energy", "other")
    until_s = time.monotonic() + PATIENCE_S
    while not (newest.folder / "begun").exists():
        assert other.poll() is None
        assert time.monotonic() < until_s
        time.sleep(0.05)
    options = ("--benchmark-energy-wait=1", "--benchmark-energy-save", "--benchmark-json=out.json")
    session = newest.measure(*QUICK, *options, "test_it.py")
    other.kill()
    other.wait(PATIENCE_S)
    assert session.code == 0, session.out
    assert "not alone: other tests did not end; neither judged nor saved" in session.out
    assert "test_it: off: not alone: other tests did not end" in session.out
    assert "no energy of any test: the history stays as it was" in session.out
    assert "energy_j" not in session.energies["test_it"]


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
        assert stay.entered is together
        assert not stay.alone
        assert (stay.waited_s >= 0.2) is not together
    os.kill(process.pid, signal.SIGKILL)
    process.wait(PATIENCE_S)
    with machine.stay(alone=ours, name="test") as stay:
        assert stay.entered
        assert stay.alone is ours
    machine.close()


@pytest.mark.parametrize("theirs", ["alone", "together"])
def test_a_stay_becomes_one_alone(folder_of_locks: Path, theirs: str) -> None:
    """A test that shares the machine asks for it alone: it waits for the others, and gives up in
    the end; two that ask at the same time do not wait for each other for ever.
    """
    del folder_of_locks
    machine = Machine(0.2, lambda line: None)
    machine.open()
    with machine.stay(alone=False, name="test") as stay:
        assert not stay.alone
        assert machine.alone(stay, "test").alone
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, theirs], stdout=subprocess.PIPE, text=True
        )
        time.sleep(0.5)
        assert process.poll() is None
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"  # only after the end of the stay
    with machine.stay(alone=False, name="test") as stay:
        later = machine.alone(stay, "test")
        assert (later.entered, later.alone) == (False, False)
        assert later.waited_s >= 0.2
        os.kill(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)
        assert machine.alone(later, "test").alone
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
            if not stay.entered:
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
