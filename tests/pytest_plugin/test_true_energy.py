"""Energy per iteration against a board of known power, whatever way a test is written."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from energybench.store.layout import runs
from energybench.store.reader import read_run
from tests.pytest_plugin.runs import QUICK, Pytest
from tests.simulators import nvml_environment

BOARD_W, CALL_S = 300.0, 0.02
TESTS = f"""
    import asyncio
    import time
    import pytest

    def spend(seconds):
        time.sleep(seconds)

    def test_plain(benchmark):
        benchmark(spend, {CALL_S})

    @pytest.mark.parametrize("factor", [1])
    def test_parametrised(benchmark, factor):
        benchmark(spend, seconds={CALL_S} * factor)

    def test_pedantic(benchmark):
        benchmark.pedantic(spend, args=({CALL_S},), rounds=60, iterations=2)

    def test_own_fixture(energy_benchmark):
        energy_benchmark(spend, {CALL_S})

    def test_coroutine(energy_benchmark):
        async def function():
            await asyncio.sleep({CALL_S})

        energy_benchmark(function)
"""


@pytest.mark.parametrize("period_ms", [100, 83])
def test_every_kind_of_test_has_the_true_energy_per_iteration(
    newest: Pytest, tmp_path: Path, period_ms: int
) -> None:
    """Within 2 % of power times time, with a counter that updates so slowly at any phase; on a busy
    machine, whose polls come late, one test or another lies further off, inside its interval.
    """
    newest.write(TESTS)
    conf = f"count=1\nwave=const,{BOARD_W:g}\nenergy_ms={period_ms}\nphase_ms=random\n"
    simulated = nvml_environment(tmp_path, conf)
    names = ("LD_LIBRARY_PATH", "NVMLSIM", "NVMLSIM_SEED")
    session = newest.run(
        *("--benchmark-energy", "--benchmark-energy-windows=2", "--benchmark-energy-store=kept"),
        *("--benchmark-energy-boundary=device", *QUICK),
        **{name: simulated[name] for name in names},
    )
    assert session.code == 0, session.out
    measured = {run.label.split("::")[1].strip(): run for run in map(read_run, kept(newest))}
    assert set(measured) == {
        "test_plain",
        "test_parametrised[1]",
        "test_pedantic",
        "test_own_fixture",
        "test_coroutine",
    }
    off = []
    for name, run in measured.items():
        assert run.work is not None
        assert run.energy_per_work_j is not None
        call_s = run.time_s.value / run.work.amount
        assert call_s >= CALL_S
        true_j = BOARD_W * call_s
        assert run.energy_per_work_j.low < true_j < run.energy_per_work_j.high, name
        off.append(abs(run.energy_per_work_j.value / true_j - 1))
        # ten updates of the sensor, where the test may be called as often as that takes
        assert run.time_s.value >= 0.95 * 10 * period_ms / 1e3, name
    assert statistics.median(off) < 0.02


def kept(some: Pytest) -> list[Path]:
    return list(runs(some.folder / "kept"))
