"""Tests that change the time: the energy pass has a clock of its own."""

from __future__ import annotations

import re

import pytest

from tests.pytest_plugin.runs import QUICK, WATTS, Finished, Pytest

SPEND = """
    import sys
    import time
    import pytest

    real = time.monotonic

    def spend():
        end = real() + 0.002
        while real() < end:
            pass
"""
FROZEN = """
    @pytest.fixture
    def frozen(monkeypatch):
        names = [
            name + end for name in ("time", "monotonic", "perf_counter") for end in ("", "_ns")
        ]
        for name in names:
            original = getattr(time, name)
            stopped = lambda: 1_700_000_000
            # as libraries that freeze the time do: in every module that holds the function
            for module in list(sys.modules.values()):
                if getattr(module, "__name__", "").startswith(("_pytest", "test_")):
                    continue
                for key, value in list(vars(module).items()):
                    if value is original:
                        monkeypatch.setattr(module, key, stopped)
        monkeypatch.setattr(time, "sleep", lambda seconds: None)
        assert time.monotonic() == time.time()
"""


def is_right(session: Finished, name: str) -> bool:
    """Whether the row has the power of the node."""
    (watts,) = re.findall(r"([\d.]+) W ", session.row(name))
    return float(watts) == pytest.approx(WATTS, rel=0.1)


def test_frozen_time(newest: Pytest) -> None:
    """Windows have their true length while every clock of `time` stands still."""
    newest.write(
        SPEND
        + FROZEN
        + """
    def test_own(frozen, energy_benchmark):
        energy_benchmark(spend)

    def test_pedantic(frozen, benchmark):
        benchmark.pedantic(spend, rounds=200)

    def test_block(frozen, energy_benchmark):
        energy_benchmark.use(iterations=60)(spend)
        time_s = energy_benchmark.energy and energy_benchmark.energy.time_s.value
        assert time_s is None or time_s > 0.1
    """
    )
    session = newest.measure(*QUICK)
    assert session.code == 0, session.out
    for name in ("test_own", "test_pedantic", "test_block"):
        assert is_right(session, name), session.out


def test_other_timers(newest: Pytest) -> None:
    """`--benchmark-timer` and a patched timer count what they like; the energy is that of the real
    time, and the number of calls is not taken from their statistics.
    """
    newest.write(
        "ticks = iter(range(10**9))\n\ndef timer():\n    return 1e-12 * next(ticks)\n", "odd.py"
    )
    newest.write(
        SPEND
        + """
    def test_option(benchmark):
        benchmark(spend)

    def test_patched(benchmark):
        import odd
        benchmark._timer = odd.timer
        benchmark.pedantic(spend, rounds=150)
    """
    )
    for timer in ("time.process_time", "odd.timer"):
        # pytest-benchmark calibrates by its timer, too: a timer of picoseconds would never end
        options = ("-k", "patched") if timer == "odd.timer" else ()
        session = newest.measure(*QUICK, f"--benchmark-timer={timer}", *options)
        assert session.code == 0, session.out
        assert is_right(session, "test_patched"), session.out
        if not options:
            assert is_right(session, "test_option"), session.out
