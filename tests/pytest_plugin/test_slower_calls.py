"""Functions whose calls become dearer or cheaper: the time allowed bounds their windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from energybench.pytest_plugin.loops import Chunks, Span
from energybench.pytest_plugin.measuring import note_windows
from energybench.pytest_plugin.options import Settings
from energybench.pytest_plugin.windows import Plan, Turn, Windows, plan
from tests.pytest_plugin.runs import Pytest

SETTINGS = Settings(
    precision_rel=None,
    windows=5,
    all_windows=5,
    window_s=0.5,
    budget_s=2.0,
    boundary="compute",
    store=None,
    root="/",
    wait_s=0.0,
)
CallTimes = Callable[[int], float]


class Function:
    """A function on a clock of its own.

    call_s  time of call number n, from 0, s
    """

    def __init__(self, call_s: CallTimes) -> None:
        self.call_s, self.calls, self.now_s = call_s, 0, 0.0

    def loop(self, calls: int, most_s: float) -> Span:
        chunks = Chunks(calls, most_s, lambda: self.now_s)
        while count := chunks.next():
            for _ in range(count):
                self.now_s += self.call_s(self.calls)
                self.calls += 1
        return chunks.span


class Run:
    """A run whose sensors need no time."""

    label, refusal = "test", None

    def __init__(self) -> None:
        self.works: list[float] = []

    def sensors(self) -> None:
        return None

    def approach(self, at_most: int) -> None:
        pass

    def begun(self, start_s: float) -> None:
        pass

    def ended(self, start_s: float, end_s: float, *, work: dict[str, Any]) -> None:
        self.works.append(work["amount"])

    def wants_more(self, target_rel: float, at_most: int) -> bool:
        return True


def planned(
    call_s: CallTimes, calls: int | None = None, **wish: Any
) -> tuple[Windows, Function, Run]:
    """The windows of a function, which was called once before."""
    function, run = Function(call_s), Run()
    first = function.loop(1, math.inf)
    settings = replace(SETTINGS, **wish)
    steps = plan(run, settings, first.length_s, calls)  # type: ignore[arg-type]
    driver = _Driver(steps)
    for turn in driver:
        driver.span = function.loop(turn.calls, turn.most_s)
    assert driver.windows is not None
    return driver.windows, function, run


class _Driver:
    """The turns of a plan.

    span  the last loop, before the next turn
    """

    def __init__(self, steps: Plan) -> None:
        self.span: Span | None = None
        self.windows: Windows | None = None
        self._steps = steps

    def __iter__(self) -> Iterator[Turn]:
        yield next(self._steps)
        self.windows = yield from self._rest()

    def _rest(self) -> Generator[Turn, None, Windows]:
        while True:
            assert self.span is not None
            try:
                turn = self._steps.send(self.span)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            yield turn


def notes(windows: Windows) -> str:
    record: dict[str, Any] = {}
    note_windows(record, windows, 0.0)
    return "; ".join(record.get("notes", []))


def step(at: int, cheap_s: float, dear_s: float) -> CallTimes:
    return lambda n: cheap_s if n < at else dear_s


@pytest.mark.parametrize("dear_s", [2e-4, 2e-3, 0.02, 1.0])
@pytest.mark.parametrize("at", [200, 3_000, 20_000, 60_000, 150_000])
@pytest.mark.parametrize("precision_rel", [None, 0.01])
def test_function_that_becomes_dearer_is_bounded_and_noted(
    dear_s: float, at: int, precision_rel: float | None
) -> None:
    """In a trial, in the first window or in a later one."""
    windows, function, run = planned(step(at, 2e-5, dear_s), precision_rel=precision_rel)
    assert windows.count >= 1
    # the chunk in which the calls become dearer has 1000 calls at most
    before_s = min(at * 2e-5, 4.0)
    assert function.now_s < before_s + 2.0 + 1000 * dear_s + 12 * max(0.5, dear_s)
    if function.calls > at:
        assert "the calls became slower" in notes(windows)
    assert sum(run.works) <= function.calls


def test_window_that_is_cut_has_its_true_number_of_calls() -> None:
    windows, _, run = planned(step(60_000, 2e-5, 2e-3))
    assert windows.cut is not None
    assert windows.cut.window == windows.count
    assert run.works[-1] == windows.cut.calls < windows.cut.wanted == run.works[0]
    assert windows.calls == sum(run.works) / len(run.works)
    assert f"window {windows.count} was cut after {windows.cut.calls} of" in notes(windows)


def test_function_that_becomes_dearer_before_its_windows_has_the_dear_energy() -> None:
    windows, _, run = planned(step(200, 2e-5, 2e-3))
    assert windows.call_s == pytest.approx(2e-3)
    assert windows.count > 1
    assert set(run.works) == {windows.calls}
    assert "2.00 ms in the slowest window, 20.0 µs before" in notes(windows)


@pytest.mark.parametrize("call_s", [1e-7, 1e-6, 1e-3, 0.07, 0.3, 0.5, 3.0, 40.0])
def test_function_of_constant_length_is_not_cut(call_s: float) -> None:
    if call_s < 1e-4:
        call_s *= 100  # the same steps in fewer calls
    windows, _, run = planned(lambda n: call_s, budget_s=30.0)
    assert windows.cut is None
    assert notes(windows) == ("single window: the scatter is not known" if call_s == 40.0 else "")
    assert len(set(run.works)) == 1
    assert windows.call_s == pytest.approx(call_s)


def test_function_that_becomes_cheaper_fills_its_windows() -> None:
    windows, _, run = planned(step(3, 0.02, 1e-4))
    assert windows.cut is None
    assert windows.window_s >= 0.95 * 0.5
    assert len(set(run.works)) == 1


def test_stated_number_of_calls_is_not_cut() -> None:
    windows, _, run = planned(lambda n: 0.01, calls=1000)
    assert windows.count == 1
    assert run.works == [1000]
    assert windows.cut is None


def test_chunks_follow_the_time_of_a_call() -> None:
    """Few looks at the clock for short calls, and few calls between two looks for long ones."""
    now_s, calls, counts = 0.0, 0, []
    chunks = Chunks(100_000, math.inf, lambda: now_s)
    while count := chunks.next():
        counts.append(count)
        calls += count
        now_s += count * (1e-6 if calls < 50_000 else 0.01)
    assert calls == 100_000 == chunks.span.calls
    assert max(counts) == 1000
    assert sum(1 for count in counts if count < 1000) > 10_000
    assert max(counts[60:]) <= 5


# The timing pass makes a few hundred calls.
FEW_ROUNDS = (
    "--benchmark-max-time=0.00001",
    "--benchmark-min-time=0.000001",
    "--benchmark-min-rounds=1",
)
SUDDEN = """
    import asyncio
    import time

    class Cache:
        def __init__(self):
            self.calls = 0

        def full(self):
            self.calls += 1
            return self.calls > 20_000

    def test_own(energy_benchmark):
        cache = Cache()
        energy_benchmark(lambda: time.sleep(0.001) if cache.full() else None)

    def test_coroutine(energy_benchmark):
        cache = Cache()

        async def function():
            if cache.full():
                await asyncio.sleep(0.001)

        energy_benchmark(function)

    def test_fixture(benchmark):
        cache = Cache()

        def function():
            if cache.full():
                time.sleep(0.001)

        benchmark(function)
        with open("calls.txt", "w") as file:
            file.write(str(cache.calls))
"""


def test_sessions_say_that_the_calls_became_slower(newest: Pytest) -> None:
    """A hundred times the calls that the time allowed holds would take minutes."""
    newest.write(SUDDEN)
    session = newest.measure(*FEW_ROUNDS, "--benchmark-energy-max-time=0.5")
    assert session.code == 0, session.out
    for test in ("test_own", "test_coroutine", "test_fixture"):
        assert session.has_energy(test)
    assert sum("the calls became slower" in line for line in session.table) == 3
    assert int((newest.folder / "calls.txt").read_text()) < 100_000
