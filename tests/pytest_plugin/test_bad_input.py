"""Options and markers that are not possible: one clear line each."""

from __future__ import annotations

import argparse

import pytest

from energybench.pytest_plugin.options import budget, count, patience, percent, seconds
from tests.pytest_plugin.runs import Finished, Pytest

MARKED = """
@pytest.mark.energy({words})
def test_{number}(energy_benchmark):
    energy_benchmark(int)
"""
REFUSED = {
    "max_joules=2": "(max_joules=…): unknown keyword",
    "max_j='2 J'": "(max_j='2 J'): not an energy; a number in J without a unit",
    "max_j=-1": "(max_j=-1): not an energy",
    "max_j=float('nan')": "(max_j=nan): not an energy",
    "max_j=True": "(max_j=True): not an energy",
    "max_regression=5": "has no percent sign",
    "max_regression='-5%'": "not between 0 and 100 %",
    "3": "takes keywords only",
}


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), (" 0.5 %", 0.005), ("100%", 1.0)])
def test_percentages(text: str, share: float) -> None:
    assert percent(text) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("5", "write 5%$"),
        ("0.05", "write 0.05%, or 5% for a share of 0.05$"),
        ("-5%", "between 0 and 100 %"),
        ("101%", "between 0 and 100 %"),
        ("0%", "between 0 and 100 %"),
        ("nan%", "between 0 and 100 %"),
        ("five%", "not a percentage"),
        ("", "not a percentage"),
    ],
)
def test_thresholds_that_are_none(text: str, word: str) -> None:
    """Forgotten percent signs, negative thresholds, thresholds over 100 %."""
    with pytest.raises(argparse.ArgumentTypeError, match=word):
        percent(text)


@pytest.mark.parametrize("text", ["-1", "0", "nan", "inf", "1s", ""])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a length of time"):
        seconds(text)


def test_the_remedy_of_a_time_fits_its_option() -> None:
    """Half a second is no advice for the wait or for the time of all windows."""
    for check, remedy in ((seconds, "0.5"), (budget, "30"), (patience, "600")):
        with pytest.raises(argparse.ArgumentTypeError, match=f"above 0 s: write {remedy}$"):
            check("-3")


@pytest.mark.parametrize("text", ["-1", "0", "2.5", "1001", ""])
def test_numbers_of_windows_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a number from 1"):
        count(text)


def test_option_is_refused_in_one_line(alone: Pytest) -> None:
    session = alone.run("--benchmark-energy", "--benchmark-energy-precision=2")
    assert session.code == 4
    assert "'2' has no percent sign: write 2%" in session.out


def marker_lines(session: Finished) -> list[str]:
    """The lines of the summary about markers."""
    return [
        line
        for line in session.lines
        if line.startswith("energybench: ") and "the gate of the marker is not judged" in line
    ]


def test_a_marker_that_cannot_be_read_is_one_line_and_a_failed_session(alone: Pytest) -> None:
    """Each test runs, is measured and passes; the session fails once for each marker, because a
    limit that nobody checks must not pass in silence.
    """
    tests = [MARKED.format(words=words, number=number) for number, words in enumerate(REFUSED)]
    alone.write("import pytest\n" + "".join(tests))
    session = alone.measure("--junitxml=junit.xml")
    assert session.code == 1
    assert f"{len(REFUSED)} failed, {len(REFUSED)} passed" in session.lines[-1]
    lines = marker_lines(session)
    for number, (line, fault) in enumerate(zip(lines, REFUSED.values(), strict=True)):
        assert line.startswith(f"energybench: test_it.py::test_{number}: @pytest.mark.energy")
        assert fault in line
        assert session.has_energy(f"test_{number} ")
    assert "Traceback" not in session.out
    assert "another exception occurred" not in session.out


BAD_MODULE = """
    import pytest

    pytestmark = pytest.mark.energy(max_regression="5")

    class Odd:
        def __repr__(self):
            raise RuntimeError("no text")

    @pytest.mark.parametrize("n", range(3))
    def test_energy(energy_benchmark, n):
        energy_benchmark(sum, range(100))

    def test_plain():
        pass

    @pytest.mark.skip(reason="not now")
    def test_skipped():
        pass

    @pytest.mark.xfail(strict=True)
    def test_expected():
        assert False

    @pytest.mark.energy(max_regression="5%", max_j=Odd())
    @pytest.mark.parametrize("n", range(2))
    def test_odd(n):
        pass
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_bad_marker_leaves_every_outcome_to_its_test(
    alone: Pytest, workers: tuple[str, ...]
) -> None:
    """Of tests with and without a fixture, skipped ones and expected failures: a line for each
    marker, not for each test, in workers as well.
    """
    alone.write(BAD_MODULE)
    session = alone.measure("--benchmark-energy-fail=5%", *workers)
    assert session.code == 1, session.out
    # two markers; six tests pass, one is skipped, one fails as expected
    assert "2 failed, 6 passed, 1 skipped, 1 xfailed" in session.lines[-1], session.out
    module, odd = sorted(marker_lines(session), key=lambda line: "Odd" in line or "odd" in line)
    assert "(and 5 more with this marker): @pytest.mark.energy(max_regression='5'):" in module
    assert "(and 1 more with this marker): @pytest.mark.energy(max_j=…): RuntimeError" in odd
    assert session.out.count(": off: its marker cannot be read") == 3 + 2  # energy and odd


def test_a_bad_marker_of_tests_that_are_not_measured_is_one_line_alone(newest: Pytest) -> None:
    """Energy is off: no limit was to be checked, and nothing fails."""
    newest.write(BAD_MODULE)
    session = newest.measure("--benchmark-disable")
    assert session.code == 0, session.out
    assert len(marker_lines(session)) == 2


def test_labels_are_one_line(alone: Pytest) -> None:
    """A label with newlines and control characters is one line, and no other use's name."""
    alone.write(
        r"""
        import time

        def test_it(energy_benchmark):
            for label in ("two\nlines", "two lines", "\x1b[31mred"):
                energy_benchmark.use(label)(time.sleep, 0.001)
        """
    )
    session = alone.measure("--junitxml=junit.xml")
    assert session.code == 0, session.out
    assert session.row("test_it two lines  ")
    assert session.row("test_it two lines 2  ")
    assert "\x1b" not in "".join(session.table)
    energies = [name for name in session.properties["test_it"] if name.endswith(".energy_j")]
    assert len(energies) == 3
    assert not [name for name in energies if "\n" in name]


def test_a_folder_for_runs_that_goes_away(alone: Pytest) -> None:
    """Runs cannot be written any more: the tests' outcome stays, and each line says so."""
    alone.write(
        """
        import os
        import shutil
        import time

        def test_before(energy_benchmark):
            energy_benchmark(time.sleep, 0.001)

        def test_without(energy_benchmark):
            shutil.rmtree("kept")
            open("kept", "w").close()
            energy_benchmark(time.sleep, 0.001)
            assert energy_benchmark.energy is None

        def test_again(energy_benchmark):
            os.remove("kept")
            energy_benchmark(time.sleep, 0.001)
            assert energy_benchmark.energy is not None
        """
    )
    session = alone.measure("--benchmark-energy-store=kept")
    assert session.code == 0, session.out
    assert "cannot be written" in session.row("test_without: not measured: ")
    assert session.has_energy("test_again ")


def test_outcomes_in_the_energy_pass_are_not_the_test_s(alone: Pytest) -> None:
    """A function that ends the test, skips it or leaves the program at a later call: the energy is
    lost, and the outcome stays that of the calls before.
    """
    alone.write(
        """
        import sys
        import pytest

        def late(action, calls=[0]):
            calls = [0]

            def function():
                calls[0] += 1
                if calls[0] > 3:
                    action()
            return function

        def test_fail(energy_benchmark):
            energy_benchmark(late(lambda: pytest.fail("late")))

        def test_skip(energy_benchmark):
            energy_benchmark(late(lambda: pytest.skip("late")))

        def test_exit(energy_benchmark):
            energy_benchmark(late(lambda: sys.exit(3)))
        """
    )
    session = alone.measure()
    assert session.code == 0, session.out
    for name in ("test_fail", "test_skip", "test_exit"):
        assert "raised in the energy pass" in session.row(f"{name}: not measured: ")


def test_a_gate_without_its_switch_says_so(alone: Pytest) -> None:
    alone.write("def test_one(energy_benchmark):\n    energy_benchmark(sum, range(9))\n")
    session = alone.run("--benchmark-energy-fail=5%", "--benchmark-energy-save")
    assert session.code == 0
    assert "--benchmark-energy-fail, --benchmark-energy-save have no effect" in session.out


def test_markers_of_class_module_and_test_add_up(alone: Pytest) -> None:
    """Each keyword counts as the nearest marker states it, whatever else that marker states."""
    alone.write(
        """
        import time
        import pytest

        pytestmark = pytest.mark.energy(group="all", max_regression="7%")

        def measure(energy_benchmark):
            energy_benchmark(time.sleep, 0.01)

        @pytest.mark.energy(max_j=0.1)
        class TestLimits:
            @pytest.mark.energy(group="cache")
            def test_group_only(self, energy_benchmark):
                measure(energy_benchmark)

            @pytest.mark.energy(max_j=50)
            @pytest.mark.energy(group="twice")
            def test_nearest_limit(self, energy_benchmark):
                measure(energy_benchmark)

            @pytest.mark.energy(max_j=None)
            def test_lifted(self, energy_benchmark):
                measure(energy_benchmark)

            def test_class_alone(self, energy_benchmark):
                measure(energy_benchmark)

        @pytest.mark.energy(max_j=1)
        @pytest.mark.energy(group="own")
        def test_without_fixture():
            pass
        """
    )
    session = alone.measure()
    limits = {
        line.split("::")[-1].split(": ")[0]: line
        for line in session.lines
        if " limit: " in line or ": over limit" in line
    }
    assert set(limits) == {"test_group_only", "test_nearest_limit", "test_class_alone"}
    assert "for a limit of 100 mJ" in limits["test_group_only"]
    assert "for a limit of 50.0 J" in limits["test_nearest_limit"]
    assert "for a limit of 100 mJ" in limits["test_class_alone"]
    groups = [line for line in session.table if line.startswith("group ")]
    assert groups == ["group all:", "group cache:", "group own:", "group twice:"], session.out
    assert "test_without_fixture: not measured" in session.out
    assert session.out.count("no baseline") >= 4  # the regression of the module's marker


def test_unknown_keyword_of_an_outer_marker_is_a_mistake(alone: Pytest) -> None:
    alone.write(
        """
        import pytest

        @pytest.mark.energy(max_joules=2)
        class TestIt:
            @pytest.mark.energy(max_j=2)
            def test_it(self, energy_benchmark):
                energy_benchmark(int)
        """
    )
    session = alone.measure()
    assert session.code == 1
    (line,) = marker_lines(session)
    assert "(max_joules=…): unknown keyword" in line
    assert "1 failed, 1 passed" in session.lines[-1]
