"""Tests with pytest-benchmark's fixture, measured without a change."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.pytest_plugin.runs import QUICK, WATTS, Pytest

FILES = ("--benchmark-json=out.json", "--junitxml=junit.xml")
TWO = """
    def work(n):
        return sum(range(n))

    def test_first(benchmark):
        assert benchmark(work, 300) == 44850

    def test_second(benchmark):
        assert benchmark(work, n=30000) > 0
"""
ENERGY = {"energy_j", "energy_j_low", "energy_j_high", "energy_quality"}


def of_windows(record: dict[str, Any]) -> list[float]:
    """The iterations in each window: one number if all windows have as many."""
    iterations = record["iterations"]
    return iterations if isinstance(iterations, list) else [iterations]


def test_every_benchmark_gets_energy_in_table_json_and_junit(pair: Pytest) -> None:
    """Energy per iteration is the node's power times the time of an iteration."""
    pair.write(TWO)
    session = pair.measure(*QUICK, *FILES)
    assert session.code == 0, session.out
    assert session.out.index("benchmark: 2 tests") < session.out.index("energy per iteration")
    for name in ("test_first", "test_second"):
        benchmark = session.benchmarks[name]
        record = session.energies[name]
        value, low, high = record["energy_j"]
        assert record["v"] == 2
        assert {len(row) for row in record["windows_j"].values()} == {3}
        assert low < value < high
        assert value == pytest.approx(WATTS * record["time_s"][0], rel=0.01)
        assert record["power_w"][1] < WATTS < record["power_w"][2]
        parts_j = [part_j[0] for part_j in record["components_j"].values()]
        assert set(record["components_j"]) == {"cpu.package", "cpu.dram"}
        assert sum(parts_j) == pytest.approx(value, rel=1e-3)
        stats = benchmark["stats"]
        assert [stats["energy_j"], stats["energy_j_low"], stats["energy_j_high"]] == [
            value,
            low,
            high,
        ]
        properties = session.properties[name]
        assert properties.pop("energy_quality") == stats["energy_quality"] == "measured"
        assert {key: float(text) for key, text in properties.items()} == {
            key: stats[key] for key in ENERGY - {"energy_quality"}
        }
        assert session.has_energy(name)
        assert re.search(r" W +cpu.dram .* 3 x ", session.row(name)), session.out


def test_statistics_of_times_stay_as_they_were(pair: Pytest) -> None:
    """Options, keys and calibration of the times are those of a session without energy."""
    pair.write(TWO)
    before = pair.run(*QUICK, FILES[0]).benchmarks
    after = pair.measure(*QUICK, FILES[0]).benchmarks
    for name, benchmark in after.items():
        assert benchmark["options"] == before[name]["options"]
        assert set(benchmark["stats"]) == set(before[name]["stats"]) | ENERGY
        assert len(benchmark["stats"]["data"]) == benchmark["stats"]["rounds"]
        assert set(benchmark) == set(before[name])


COUNTED = """
    import pytest

    calls = {"target": 0, "setup": 0}

    def target(*args):
        calls["target"] += 1
        return sum(range(2000))

    def setup():
        calls["setup"] += 1

    def test_iterations(benchmark):
        benchmark.pedantic(target, args=(1,), rounds=7, iterations=50, warmup_rounds=2)

    def test_set_up(benchmark):
        benchmark.pedantic(target, setup=setup, rounds=5)

    def test_once(benchmark):
        benchmark.pedantic(target)

    def test_report():
        with open("calls.txt", "w") as file:
            print(calls, file=file)
"""


def test_pedantic_calls_no_more_often_than_asked(pair: Pytest) -> None:
    """The function and its set-up are called as often as without energy, each round is counted as
    its iterations, and the name of the timer stays.
    """
    pair.write(COUNTED)
    calls, benchmarks = [], []
    for session in (
        pair.run(FILES[0]),
        pair.measure(FILES[0], "--benchmark-energy-min-time=0.001"),
    ):
        assert session.code == 0, session.out
        calls.append((pair.folder / "calls.txt").read_text())
        benchmarks.append(session.benchmarks)
    assert calls[0] == calls[1]
    plain, measured = benchmarks
    for name in plain:
        assert measured[name]["options"] == plain[name]["options"]
        assert measured[name]["stats"]["rounds"] == plain[name]["stats"]["rounds"]
    record = session.energies["test_iterations"]
    assert {n % 50 for n in of_windows(record)} == {0}
    _, low, high = record["energy_j"]
    assert low < WATTS * record["time_s"][0] < high


def test_pedantic_rounds_share_a_window_if_they_are_short(newest: Pytest) -> None:
    """Rounds fill a window together, and the energy per iteration is that of the window; not if the
    time between the rounds is a large part of the window.
    """
    newest.write(
        """
        import time

        def test_rounds(benchmark):
            benchmark.pedantic(time.sleep, args=(0.002,), setup=None, rounds=150)

        def test_set_up(benchmark):
            benchmark.pedantic(
                lambda: time.sleep(0.002), setup=lambda: time.sleep(0.002), rounds=100
            )
        """
    )
    session = newest.measure(FILES[0])
    record = session.energies["test_rounds"]
    assert len(record["windows_j"]["cpu.package"]) >= 2
    # the first window fills 0.1 s; the others hold as many rounds, which may be faster
    assert min(of_windows(record)) * record["time_s"][0] > 0.05
    assert record["energy_j"][0] == pytest.approx(WATTS * record["time_s"][0], rel=0.02)
    assert re.match(
        r"test_set_up: not measured: pedantic: \d+% of the time of its windows lies between the "
        "rounds",
        session.row("test_set_up"),
    )
    assert "energy_j" not in session.energies["test_set_up"]


def test_table_stands_below_a_time_gate_that_fails(pair: Pytest) -> None:
    """pytest-benchmark ends the summary with an exception; a baseline that was saved without
    energy stays readable.
    """
    pair.write(
        """
        import os
        import time

        def test_slower(benchmark):
            benchmark(time.sleep, float(os.environ["SLEEP_S"]))
        """
    )
    saved = pair.run(*QUICK, "--benchmark-autosave", SLEEP_S="0.001")
    assert saved.code == 0, saved.out
    gate = ("--benchmark-compare", "--benchmark-compare-fail=min:50%")
    session = pair.measure(*QUICK, *gate, SLEEP_S="0.02")
    assert "Performance has regressed" in session.out
    assert session.code != 0
    assert session.row("test_slower ")


def test_outcomes_stay_the_tests_own(pair: Pytest) -> None:
    """An error in the energy pass costs the energy alone; tests that fail, skip or do not use the
    fixture are no errors of the plugin.
    """
    pair.write(
        """
        import sys
        import pytest

        def in_the_energy_pass():
            frame = sys._getframe()
            while frame is not None and frame.f_code.co_name != "drive":
                frame = frame.f_back
            return frame is not None

        def test_raises_later(benchmark):
            def function():
                if in_the_energy_pass():
                    raise RuntimeError("used up")

            benchmark.pedantic(lambda: None)
            benchmark._mode = None
            benchmark._max_time, benchmark._min_rounds = 0.0, 1
            benchmark(function)

        def test_fails(benchmark):
            benchmark(lambda: None)
            assert False, "its own"

        def test_skips(benchmark):
            pytest.skip("its own")

        def test_raises(benchmark):
            benchmark(lambda: 1 / 0)

        def test_unused(benchmark):
            pass

        def test_plain():
            pass
        """
    )
    session = pair.measure(*QUICK)
    assert "2 failed, 3 passed, 1 skipped" in session.lines[-1], session.out
    assert "the function raised in the energy pass: RuntimeError: used up" in session.out
    assert "test_unused: not measured: its fixture was not called, or the function" in session.out
    assert session.row("test_fails ")
    assert "Traceback" not in session.out


def test_short_and_long_functions_say_so(newest: Pytest) -> None:
    """A function that its loop outweighs, and a function longer than the time allowed."""
    newest.write(
        """
        import time

        def test_nothing(benchmark):
            benchmark(int)

        def test_long(benchmark):
            benchmark(time.sleep, 0.3)
        """
    )
    session = newest.measure(*QUICK, "--benchmark-energy-max-time=0.2")
    assert "the loop is" in session.out
    assert "single window: the scatter is not known" in session.out
    # at least 300 ms, and more on a busy machine
    (length, unit) = re.findall(r" 1 x ([\d.]+) (m?s)", session.row("test_long"))[0]
    assert float(length) * {"ms": 1e-3, "s": 1.0}[unit] > 0.29


def test_precision_measures_until_the_scatter_is_narrow(newest: Pytest) -> None:
    """A number of windows beyond the default shows that the precision, and not the number, ends
    the test.
    """
    newest.write(TWO)
    session = newest.run(
        *("--benchmark-energy", "--benchmark-energy-precision=30%", *QUICK),
        *("--benchmark-energy-min-time=0.05", "--benchmark-precision=0.1", FILES[0]),
    )
    assert session.code == 0, session.out
    for record in session.energies.values():
        assert 8 <= len(record["windows_j"]["cpu.package"]) <= 30


def test_warnings_as_errors_strict_markers_and_a_tracer(pair: Pytest) -> None:
    """The plugin warns of nothing, its marker is registered, and a tracer sees no call of the
    energy pass and is in place afterwards.
    """
    pair.write(
        """
        import sys
        import pytest

        seen = []

        def tracer(frame, event, argument):
            seen.append(frame.f_code.co_name)

        def function():
            return 1

        @pytest.mark.energy(group="some")
        def test_it(benchmark):
            sys.settrace(tracer)
            try:
                benchmark(function)
                assert sys.gettrace() is tracer
            finally:
                sys.settrace(None)
            assert seen.count("function") <= 2
        """
    )
    session = pair.measure(*QUICK, "-W", "error", "--strict-markers")
    assert session.code == 0, session.out
    assert session.row("group some:")


def test_kept_runs_are_ordinary_runs(newest: Pytest) -> None:
    """--benchmark-energy-store keeps a run for every test; a folder that cannot be written is one
    line, and the energy is measured all the same.
    """
    from energybench.store.layout import runs
    from energybench.store.reader import read_run

    newest.write(TWO)
    newest.measure(*QUICK, "--benchmark-energy-store=kept", "-k", "first")
    (run,) = runs(newest.folder / "kept")
    assert len(read_run(run).repeats) == 3
    session = newest.measure(*QUICK, "--benchmark-energy-store=/proc/no", "-k", "first")
    assert session.row("test_first ")
    assert session.row("energybench: the samples are not kept: ")
    assert session.code == 0


def test_a_value_that_a_test_wrote_under_our_name_is_kept(pair: Pytest) -> None:
    """`extra_info["energybench"]` of the test, written before or after the energies, stands in the
    JSON under another name, and a line says so.
    """
    pair.write(
        """
        import time

        def test_before(benchmark):
            benchmark.extra_info["energybench"] = "mine"
            benchmark(time.sleep, 0.001)

        def test_after(benchmark):
            benchmark(time.sleep, 0.001)
            benchmark.extra_info["energybench"] = {"mine": 2}

        def test_other(benchmark):
            benchmark.extra_info["other"] = 1
            benchmark(time.sleep, 0.001)
        """
    )
    session = pair.measure(*QUICK, FILES[0])
    assert session.code == 0, session.out
    extra = {name: test["extra_info"] for name, test in session.benchmarks.items()}
    assert extra["test_before"]["energybench_of_the_test"] == "mine"
    assert extra["test_after"]["energybench_of_the_test"] == {"mine": 2}
    assert set(extra["test_other"]) == {"energybench", "other"}
    assert all("energy_j" in record for record in session.energies.values())
    told = [line for line in session.lines if "energybench_of_the_test" in line]
    assert len(told) == 2, session.out
