"""The fixture `energy_benchmark`, without pytest-benchmark."""

from __future__ import annotations

import re

import pytest

from tests.pytest_plugin.runs import ENERGY_CELLS, WATTS, Pytest

USES = """
    import asyncio
    import time
    import pytest

    def spend(seconds, *, more=0.0):
        end = time.monotonic() + seconds + more
        while time.monotonic() < end:
            pass
        return seconds

    def test_ratio(energy_benchmark):
        slow, fast = energy_benchmark.use("slow"), energy_benchmark.use("fast")
        assert slow(spend, 0.004) == 0.004
        assert fast(spend, 0.001, more=0.001) == 0.001
        ratio = energy_benchmark.ratio(slow, fast)
        print("RATIO", ratio and (ratio.value, ratio.low, ratio.high))
        print("LAST", energy_benchmark.energy is fast.energy)

    def test_set_up(energy_benchmark):
        events = []

        def setup():
            events.append("setup")
            return (0.002,), {}

        def function(seconds):
            assert seconds == 0.002
            events.append("call")

        use = energy_benchmark.use(
            setup=setup, teardown=lambda: events.append("teardown"), iterations=4, windows=2
        )
        use(function)
        windows = [["setup", *["call"] * count, "teardown"] for count in COUNTS]
        assert events == [event for window in windows for event in window]

    @pytest.mark.energy(group="some group")
    @pytest.mark.parametrize("n", [1, 2])
    def test_parameters(energy_benchmark, n):
        energy_benchmark(spend, n / 1000)

    def test_coroutine(energy_benchmark):
        async def function(seconds):
            await asyncio.sleep(seconds)
            return "done"

        assert energy_benchmark(function, 0.002) == "done"

    def test_inside_a_loop(energy_benchmark):
        async def function():
            await asyncio.sleep(0.002)
            return "done"

        async def whole():
            return await energy_benchmark(function)

        assert asyncio.run(whole()) == "done"

    def test_idle(energy_benchmark):
        energy_benchmark.use(idle=0.8)(spend, 0.002)
        energy = energy_benchmark.energy
        print("IDLE", energy and len(energy.idles))
"""


def test_uses_groups_coroutines_and_idle(alone: Pytest) -> None:
    """Every use is a row, with the power of the node; the ratio of two uses is that of their
    energies, whatever a busy machine made of their times.
    """
    alone.write("COUNTS = [1, 4, 4]\n" + USES.replace("\n    ", "\n"))
    session = alone.measure("-rP", "--junitxml=junit.xml")
    assert session.code == 0, session.out
    (words,) = re.findall(r"RATIO \(([\d., e-]+)\)", session.out)
    value, low, high = (float(word) for word in words.split(","))
    assert low < value < high
    assert "LAST True" in session.out
    assert "IDLE 2" in session.out
    # the windows of test_set_up last microseconds, and may have no energy
    for start in ("test_ratio slow", "test_ratio fast", "test_coroutine"):
        (watts,) = re.findall(r"([\d.]+) W ", session.row(start))
        assert float(watts) == pytest.approx(WATTS, rel=0.1)
    group = session.table.index("group some group:")
    assert session.table[group + 2].startswith("test_parameters[1]")
    slow, fast = (
        float(session.properties["test_ratio"][f"{name}.energy_j"]) for name in ("slow", "fast")
    )
    assert slow / fast == pytest.approx(value, rel=0.01)


def test_not_asked_for_runs_every_function_once(alone: Pytest) -> None:
    """No energy, no waiting, one call."""
    alone.write("COUNTS = [1]\n" + USES.replace("\n    ", "\n"))
    session = alone.run("-rP")
    assert session.code == 0, session.out
    assert "RATIO None" in session.out
    assert "IDLE None" in session.out
    assert not session.table


def test_wrong_uses_are_refused_in_words(alone: Pytest) -> None:
    alone.write(
        """
        import pytest

        @pytest.mark.parametrize("options", [
            {"idle": -1.0}, {"idle": float("nan")}, {"iterations": 0}, {"windows": 1.5},
        ])
        def test_options(energy_benchmark, options):
            with pytest.raises(ValueError, match="is not a"):
                energy_benchmark.use(**options)

        def test_twice(energy_benchmark):
            use = energy_benchmark.use()
            use(int)
            with pytest.raises(RuntimeError, match="make another one"):
                use(int)
        """
    )
    assert alone.run().code == 0


def test_function_that_fails_fails_its_test(alone: Pytest) -> None:
    """The first call's error is the test's; an error in a later call costs the energy alone. The
    tear-down is called in both cases.
    """
    alone.write(
        """
        torn = []

        def test_first_call(energy_benchmark):
            energy_benchmark.use(teardown=lambda: torn.append(1))(lambda: 1 / 0)

        def test_later_call(energy_benchmark):
            calls = iter(range(20))
            use = energy_benchmark.use(teardown=lambda: torn.append(2))
            assert use(lambda: next(calls)) == 0
            assert use.energy is None

        def test_torn():
            assert torn[0] == 1
            assert torn.count(2) >= 2
        """
    )
    session = alone.measure()
    assert "1 failed, 2 passed" in session.lines[-1], session.out
    assert "test_later_call: not measured: the function raised" in session.out


@pytest.mark.parametrize(
    ("proc", "header"),
    [(True, "energy is ESTIMATED here"), (False, "energy is not measured under ")],
)
def test_without_sensors_header_and_lines_agree(alone: Pytest, proc: bool, header: str) -> None:
    """The header says how sensors could be opened, and no line looks measured: with /proc there is
    an estimate, marked everywhere; without /proc there is not even one.
    """
    alone.write("def test_it(energy_benchmark):\n    energy_benchmark(int)\n")
    machine = alone.folder.parent / "machine"  # outside of the folder that pytest searches
    machine.mkdir()
    if proc:
        (machine / "proc").symlink_to("/proc")
    session = alone.measure("--benchmark-energy-root", str(machine), "--junitxml=junit.xml")
    lines = [line for line in session.lines if line.startswith("energybench: ")]
    assert lines[0].startswith(f"energybench: {header}")
    assert any(line.startswith("  rapl: ") for line in session.lines)
    assert ("~" in session.row("test_it")) is proc
    assert ("not measured" in session.row("test_it")) is not proc
    qualities = {"energy_quality": "estimated"} if proc else {}
    stated = session.properties["test_it"].items()
    assert {key: value for key, value in stated if "quality" in key} == qualities


def test_a_long_name_stands_in_a_line_of_its_own(alone: Pytest) -> None:
    """The figures stand in the line after the name, and the name widens no other line."""
    alone.write(
        """
        import time

        def test_it(energy_benchmark):
            energy_benchmark(time.sleep, 0.001)
            for _ in range(2):
                energy_benchmark.use("x" * 500)(time.sleep, 0.001)
        """
    )
    session = alone.measure("-q")
    assert session.code == 0, session.out
    (at,) = [i for i, line in enumerate(session.table) if line.startswith("test_it xxx")][:1]
    assert ENERGY_CELLS.search(session.table[at + 1])
    figures = [line for line in session.table if ENERGY_CELLS.search(line)]
    assert len(figures) == 3
    assert max(map(len, figures)) < 130, session.out
