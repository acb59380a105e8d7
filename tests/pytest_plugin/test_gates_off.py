"""A gate that does not judge says so: a test without energy, a test that did not pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pytest_plugin.repeating import RUN_AGAIN
from tests.pytest_plugin.runs import QUICK, Finished, Pytest

GATE = "--benchmark-energy-fail=50%"
UNPASSED = """
    import time
    import pytest

    def test_good(energy_benchmark):
        energy_benchmark(time.sleep, 0.002)

    @pytest.mark.energy(max_j=1e-9)
    def test_bad(energy_benchmark):
        energy_benchmark(time.sleep, 0.002)
        assert False

    @pytest.mark.xfail
    @pytest.mark.energy(max_j=1e-9)
    def test_expected(energy_benchmark):
        energy_benchmark(time.sleep, 0.002)
        assert False

    @pytest.fixture
    def breaks():
        yield
        raise OSError("the tear-down breaks")

    @pytest.mark.energy(max_j=1e-9)
    def test_torn(energy_benchmark, breaks):
        energy_benchmark(time.sleep, 0.002)
"""


def verdicts(session: Finished) -> dict[str, str]:
    """The lines below the title of the gates, by the test's own name."""
    at = next(i for i, line in enumerate(session.lines) if " energy gates " in line)
    rest = session.lines[at + 1 :]
    return {
        line.partition(": ")[0].rpartition("::")[2]: line.partition(": ")[2]
        for line in rest
        if "::" in line.partition(": ")[0] and not line.startswith(("FAILED", "ERROR"))
    }


@pytest.mark.parametrize("options", [(), ("-n", "1")])
def test_tests_that_did_not_pass_are_neither_judged_nor_saved(
    alone: Pytest, options: tuple[str, ...]
) -> None:
    """Wrong code may use any energy: that is no baseline, and no second failure of the test. The
    table shows the energy, and says what became of the test.
    """
    alone.write(UNPASSED)
    session = alone.measure(GATE, "--benchmark-energy-save", *options)
    assert session.code == 1
    assert "1 failed, 2 passed, 1 xfailed, 1 error" in session.lines[-1], session.out
    words = {
        "test_bad": "the test failed",
        "test_expected": "the test did not pass",
        "test_torn": "the test failed",
    }
    lines = verdicts(session)
    for name, word in words.items():
        assert lines[name] == f"off: {word}"
        assert session.has_energy(f"{name} ")
    assert "no baseline" in lines["test_good"]
    for word in set(words.values()):
        remark = f"    {word}: its energy is neither judged nor saved"
        assert session.table.count(remark) == list(words.values()).count(word)
    (path,) = Path(alone.folder / ".energybench/history").iterdir()
    saved = [test["name"] for test in json.loads(path.read_text())["tests"]]
    assert saved == ["test_it.py::test_good"]


def test_of_repeated_attempts_the_last_counts(alone: Pytest) -> None:
    """As pytest-rerunfailures reports them: outcome "rerun" of the phase that failed, be it the
    call or the tear-down. A test that passed in the end is judged and saved, once.
    """
    alone.write(RUN_AGAIN.format(outcome="rerun"), "conftest.py")
    alone.write(
        """
        import time
        import pytest

        begun = []

        @pytest.fixture
        def breaks_once():
            yield
            begun.append("torn")
            assert begun.count("torn") > 1

        def test_call(energy_benchmark):
            begun.append("call")
            energy_benchmark(time.sleep, 0.002)
            assert begun.count("call") > 1

        def test_torn(energy_benchmark, breaks_once):
            energy_benchmark(time.sleep, 0.002)
        """
    )
    session = alone.measure(GATE, "--benchmark-energy-save")
    assert session.code == 0, session.out
    for name in ("test_call", "test_torn"):
        assert session.has_energy(f"{name} ")
        assert "no baseline" in verdicts(session)[name]
    (path,) = Path(alone.folder / ".energybench/history").iterdir()
    saved = [test["name"] for test in json.loads(path.read_text())["tests"]]
    assert saved == ["test_it.py::test_call", "test_it.py::test_torn"]


def test_a_test_without_energy_turns_its_gate_off_in_a_line(newest: Pytest) -> None:
    """Whatever the reason is; a test without a gate has no such line."""
    newest.write(
        """
        import sys, time
        import pytest

        def late():
            calls = [0]

            def function():
                calls[0] += 1
                if calls[0] > 3:
                    sys.exit(3)
            return function

        def test_raises_later(energy_benchmark):
            energy_benchmark(late())

        def test_unused(energy_benchmark):
            pass

        @pytest.mark.energy(max_j=5)
        def test_without_fixture():
            pass

        class TestGroup:
            pytestmark = pytest.mark.energy(max_j=5)

            def test_ordinary(self):
                pass
        """
    )
    words = {
        "test_raises_later": "off: the function raised in the energy pass: SystemExit: 3",
        "test_unused": "off: its fixture was not called, or the function that it called raised",
        "test_without_fixture": "off: the test has no fixture whose energy is measured: "
        "benchmark or energy_benchmark",
    }
    session = newest.measure(*QUICK, GATE)
    assert session.code == 0, session.out
    assert verdicts(session) == words
    session = newest.measure(*QUICK)
    assert list(verdicts(session)) == ["test_without_fixture"]
    session = newest.measure(*QUICK, GATE, "--benchmark-energy-root=/no/such")
    assert session.code == 0, session.out
    assert "energy is not measured: the root /no/such is not a folder" in session.out


@pytest.mark.parametrize("verbosity", [(), ("-q",), ("-v",)])
def test_energy_that_is_off_is_said_beside_the_gates(
    newest: Pytest, verbosity: tuple[str, ...]
) -> None:
    """In the summary, where the verdicts would stand."""
    newest.write("def test_it(benchmark):\n    benchmark(len, [])\n")
    session = newest.measure("--benchmark-disable", GATE, *verbosity)
    assert session.code == 0
    line = "energybench: energy is off: --benchmark-disable"
    end_of_tests = next(i for i, text in enumerate(session.lines) if "100%" in text)
    assert line in session.lines[end_of_tests:]


def test_a_replaced_fixture_is_named(newest: Pytest) -> None:
    """A conftest may give `benchmark` another class after us."""
    newest.write(
        """
        import pytest
        from pytest_benchmark.fixture import BenchmarkFixture

        class Counting(BenchmarkFixture):
            pass

        @pytest.fixture
        def benchmark(benchmark):
            benchmark.__class__ = Counting
            return benchmark
        """,
        "conftest.py",
    )
    newest.write("def test_it(benchmark):\n    benchmark(len, [])\n")
    session = newest.measure(*QUICK)
    assert session.code == 0, session.out
    why = "the fixture benchmark is conftest.Counting, not pytest-benchmark's"
    assert session.row("test_it") == f"test_it: not measured: {why}"


def test_the_marker_s_group_is_that_of_the_energies(newest: Pytest) -> None:
    """Without it, the group of the times."""
    newest.write(
        """
        import time
        import pytest

        @pytest.mark.benchmark(group="times")
        @pytest.mark.energy(group="mine")
        def test_both(benchmark):
            benchmark(time.sleep, 0.001)

        @pytest.mark.benchmark(group="times")
        def test_times(benchmark):
            benchmark(time.sleep, 0.001)
        """
    )
    session = newest.measure(*QUICK)
    groups = [line for line in session.table if line.startswith("group ")]
    assert groups == ["group mine:", "group times:"]


@pytest.mark.parametrize(
    ("way", "groups"),
    [
        ("param", ["group large:", "group small:"]),
        ("param:size", ["group size=large:", "group size=small:"]),
        ("func", ["group test_one:", "group test_two:"]),
        ("group,func", ["group mine:", "group times test_one:"]),
    ],
)
def test_the_option_for_groups_of_times_is_followed(
    newest: Pytest, way: str, groups: list[str]
) -> None:
    """A group that the marker of energies states stays."""
    mine = '@pytest.mark.energy(group="mine")' if "," in way else ""
    newest.write(
        f"""
        import time
        import pytest

        sizes = pytest.mark.parametrize("size", ["small", "large"])

        @pytest.mark.benchmark(group="times")
        @sizes
        def test_one(benchmark, size):
            benchmark(time.sleep, 0.001)

        @sizes
        {mine}
        def test_two(benchmark, size):
            benchmark(time.sleep, 0.001)
        """
    )
    session = newest.measure(*QUICK, f"--benchmark-group-by={way}")
    assert [line for line in session.table if line.startswith("group ")] == groups


def test_both_fixtures_in_one_test_have_records_of_their_own(newest: Pytest) -> None:
    newest.write(
        """
        import time

        def test_both(benchmark, energy_benchmark):
            benchmark(time.sleep, 0.001)
            energy_benchmark(time.sleep, 0.002)
        """
    )
    session = newest.measure(*QUICK, "--benchmark-json=out.json", "--junitxml=junit.xml")
    assert session.code == 0, session.out
    assert [session.has_energy(name) for name in ("test_both  ", "test_both 2  ")] == [True, True]
    names = {name for name in session.properties["test_both"] if name.endswith("energy_j")}
    assert names == {"energy_j", "2.energy_j"}


def test_a_test_that_failed_has_no_energy_in_the_file_of_pytest_benchmark(newest: Pytest) -> None:
    """Neither for `ci compare` nor as a baseline."""
    newest.write(
        """
        import time

        def test_fails(benchmark):
            assert benchmark(time.sleep, 0.001) == 0

        def test_passes(benchmark):
            benchmark(time.sleep, 0.001)
        """
    )
    session = newest.measure(*QUICK, "--benchmark-json=out.json", "--junitxml=junit.xml")
    assert session.code == 1, session.out
    failed, passed = session.energies["test_fails"], session.energies["test_passes"]
    assert failed.keys() == {"v", "why"}
    assert failed["why"].startswith("the test failed")
    assert "energy_j" not in session.benchmarks["test_fails"]["stats"]
    assert "energy_j" in passed
