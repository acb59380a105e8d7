"""Every round of `benchmark.pedantic` is measured, in whatever way rounds differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energybench.pytest_plugin import pedantic, round_edges
from energybench.pytest_plugin.options import Settings
from energybench.pytest_plugin.round_edges import Edges
from energybench.pytest_plugin.rounds import Rounds, sizes, spread
from tests.pytest_plugin.runs import Pytest
from tests.pytest_plugin.spending import counting

MOST = 30
numbers = st.integers(1, 100_000)


@given(numbers, numbers)
def test_windows_hold_all_rounds(rounds: int, filling: int) -> None:
    windows = sizes(rounds, filling)
    assert sum(windows) == rounds
    assert len(windows) <= MOST
    assert max(windows) - min(windows) <= 1
    assert min(windows) >= min(filling, rounds)


@given(numbers, st.integers(1, 1000))
def test_rounds_are_spread_over_all(rounds: int, most: int) -> None:
    chosen = sorted(spread(rounds, most))
    assert len(chosen) == min(rounds, most)
    assert chosen[-1] < rounds
    step = rounds / len(chosen)
    assert all(i * step - 1 <= one < (i + 1) * step for i, one in enumerate(chosen))


def test_each_round_counts_the_same() -> None:
    """Three rounds in the first window, and two in the second."""
    windows = [(3 * 1.0, 3.0), (2 * 6.0, 2.0)]
    measurement = SimpleNamespace(
        repeats=[
            SimpleNamespace(energy_j=joules, work=SimpleNamespace(amount=amount))
            for joules, amount in windows
        ]
    )
    record = {"energy_j": [3.5, 3.0, 4.0]}
    pedantic._weigh(record, measurement)  # type: ignore[arg-type]
    assert record["energy_j"] == pytest.approx([3.0, 2.5, 3.5])


# ---------------------------------------------------------------- windows at their edges


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Run:
    """A run that only notes its windows.

    wait_s  length of a wait before a window
    """

    label, refusal = "test", None

    def __init__(self, clock: Clock, wait_s: float = 0.01) -> None:
        self._clock, self._wait_s = clock, wait_s
        self.windows: list[tuple[float, float, float]] = []  # start, end, iterations
        self.waits = 0

    def open(self) -> None: ...

    def sensors(self) -> dict[str, Any]:
        return {"shortest_s": 0.01, "largest_w": {}}

    def approach(self) -> None:
        self.waits += 1
        self._clock.now_s += self._wait_s

    def begun(self, start_s: float) -> None: ...

    def ended(self, start_s: float, end_s: float, *, work: dict[str, Any]) -> None:
        self.windows.append((start_s, end_s, work["amount"]))


class Done(NamedTuple):
    edges: Edges
    run: Run
    rounds_s: list[tuple[float, float]]  # start and end of each measured round
    stamped: int  # rounds with a timer that stamps

    def count_inside(self) -> int:
        """Rounds that lie in a window."""
        return sum(
            any(start <= a and b <= end for start, end, _ in self.run.windows)
            for a, b in self.rounds_s
        )


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Plays rounds of stated lengths as pytest-benchmark does, on a clock of its own."""

    def play(
        lengths_s: list[float],
        *,
        set_up_s: float | None = None,
        warmup: int = 0,
        iterations: int = 1,
        between_s: float = 10e-6,
        wait_s: float = 0.01,
    ) -> Done:
        clock = Clock()
        monkeypatch.setattr(round_edges, "monotonic", lambda: clock.now_s)
        run = Run(clock, wait_s)
        asked = Rounds(
            warmup=warmup,
            measured=len(lengths_s),
            iterations=iterations,
            set_up=set_up_s is not None,
        )
        wish = Settings(
            precision_rel=None,
            windows=5,
            all_windows=5,
            window_s=0.5,
            budget_s=30.0,
            boundary="compute",
            store=None,
            root="/",
            wait_s=1.0,
        )
        edges = Edges(run, wish, clock, asked)  # type: ignore[arg-type]

        def spend(length_s: float) -> None:
            clock.now_s += length_s

        set_up = edges.timed(spend)
        edges.timer()  # for the JSON
        rounds_s, stamped = [], 0
        for i, length_s in enumerate([0.001] * warmup + lengths_s):
            if set_up_s is not None:
                set_up(set_up_s)
            timer = edges.timer()
            stamped += timer is edges
            clock.now_s += between_s / 2
            start_s = timer()
            spend(length_s)
            end_s = timer()
            clock.now_s += between_s / 2
            if i >= warmup:
                rounds_s.append((start_s, end_s))
        return Done(edges, run, rounds_s, stamped)

    return play


LENGTHS = {
    "short": [0.2e-3] * 20_000,
    "very many": [0.2e-3] * 300_000,
    "few": [0.3] * 5,
    "one": [2.0],
    "two": [0.3] * 2,
    "long": [0.7] * 100,
    "first is slow": [1.0] + [0.002] * 3000,
    "become slower": [0.001 + i * 1e-5 for i in range(3000)],
    "become faster": [0.02 - i * 1e-5 for i in range(1900)],
}


@pytest.mark.parametrize("warmup", [0, 3])
@pytest.mark.parametrize("case", LENGTHS)
def test_every_round_lies_in_a_window(played: Callable[..., Done], case: str, warmup: int) -> None:
    lengths_s = LENGTHS[case]
    done = played(lengths_s, warmup=warmup, iterations=3)
    assert done.edges.failure is None
    assert not done.edges.miscounted
    assert done.count_inside() == done.edges.measured == len(lengths_s)
    assert done.edges.left_out is None
    assert sum(amount for *_, amount in done.run.windows) == 3 * len(lengths_s)
    assert len(done.run.windows) <= MOST
    amounts = {amount for *_, amount in done.run.windows}
    assert max(amounts) - min(amounts) <= 3
    assert done.edges.outside < 0.1


@pytest.mark.parametrize("set_up_s", [0.0, 0.001, 0.1])
@pytest.mark.parametrize("rounds", [1, 31, 60, 400])
def test_every_round_that_is_long_enough_has_a_window(
    played: Callable[..., Done], rounds: int, set_up_s: float
) -> None:
    done = played([0.02] * rounds, set_up_s=set_up_s)
    assert len(done.run.windows) == done.count_inside() == rounds
    assert done.edges.set_up == (0.0, 0.0)
    assert not done.edges.miscounted


@pytest.mark.parametrize("wait_s", [0.01, 0.5])
def test_rounds_without_a_window_are_stated(played: Callable[..., Done], wait_s: float) -> None:
    """Windows are too many, or the waits before them too long. The rounds that have a window stand
    in every part of the test.
    """
    done = played([0.02] * 2000, set_up_s=0.001, wait_s=wait_s)
    count = len(done.run.windows)
    assert 30 <= count <= 500
    assert wait_s * count <= 31
    assert done.edges.left_out == f"{count} of 2000 rounds"
    assert not done.edges.miscounted
    last_s = done.rounds_s[-1][1]
    fifths = [int(5 * start_s / last_s) for start_s, *_ in done.run.windows]
    assert all(abs(fifths.count(i) - count / 5) <= 2 for i in range(5))


def test_rounds_with_a_short_set_up_share_windows(played: Callable[..., Done]) -> None:
    done = played([0.005] * 1000, set_up_s=1e-4)
    assert done.count_inside() == 1000
    share, _ = done.edges.set_up
    assert share == pytest.approx(1e-4 / (5e-3 + 1e-4 + 1e-5), rel=0.02)


def test_nothing_is_done_in_most_rounds_that_are_short(played: Callable[..., Done]) -> None:
    """They have pytest-benchmark's own timer."""
    done = played([20e-6] * 100_000, between_s=1e-6)
    assert done.stamped < 0.05 * 100_000
    assert done.count_inside() == 100_000
    assert done.edges.outside == pytest.approx(1 / 21, rel=0.01)


def test_no_wait_if_no_energy_can_come_of_it(played: Callable[..., Done]) -> None:
    """The time between the rounds is most of the first window."""
    done = played([1e-6] * 1_000_000)
    assert done.run.waits == 1
    assert done.edges.outside > 0.5
    assert not done.edges.miscounted


def test_other_use_of_the_timer_is_noticed(played: Callable[..., Done]) -> None:
    """A version of pytest-benchmark that reads its timer once for all rounds."""
    done = played([0.02] * 3)
    edges = Edges(
        done.run,
        done.edges._wish,
        time.perf_counter,
        Rounds(  # type: ignore[arg-type]
            warmup=0, measured=3, iterations=1
        ),
    )
    timer = edges.timer()
    assert timer is edges
    timer(), timer()
    assert edges.miscounted


# ---------------------------------------------------------------- the energy

DIFFERING = """
    import time

    WINDOW_S = 0.02

    def spend(joules, length_s=WINDOW_S):
        time.sleep(length_s / 2)
        with open("spent", "ab") as spent:
            spent.write(b"J" * joules)
        time.sleep(length_s / 2)

    def numbered(joules_of):
        rounds = iter(range(10**6))
        return lambda: ((joules_of(next(rounds)),), {})

    def test_dear_at_the_end(benchmark):
        benchmark.pedantic(spend, setup=numbered(lambda i: 3 * (i >= 40)), rounds=60)

    def test_dear_at_the_start(benchmark):
        benchmark.pedantic(spend, setup=numbered(lambda i: 3 * (i < 20)), rounds=60)

    def test_one_dear_round(benchmark):
        def spend_often(count):
            for _ in range(count):
                spend(3)

        benchmark.pedantic(spend_often, setup=numbered(lambda i: 1 + 19 * (i == 50)), rounds=60)

    def test_shared(benchmark):
        joules = numbered(lambda i: 3 * (i >= 100))
        benchmark.pedantic(lambda: spend(joules()[0][0], 0.005), rounds=150)

    def test_dear_remainder(benchmark):
        joules = iter([1, 1, 1, 1, 16])
        benchmark.pedantic(lambda: spend(next(joules), 0.3), rounds=5)
"""
TRUE_J = {  # without the constant 2 W
    "test_dear_at_the_end": 1.0,
    "test_dear_at_the_start": 1.0,
    "test_one_dear_round": (59 + 20) * 3 / 60,
    "test_shared": 1.0,
    "test_dear_remainder": 4.0,
}


@pytest.fixture
def spending_newest(newest: Pytest) -> Iterator[Pytest]:
    """Sessions on a node whose package uses what the tests state, with pytest-benchmark."""
    with counting(newest) as sessions:
        yield sessions


def test_interval_holds_the_mean_of_rounds_that_differ(spending_newest: Pytest) -> None:
    spending_newest.write(DIFFERING)
    session = spending_newest.measure(
        "--benchmark-json=out.json", "--benchmark-energy-min-time=0.1"
    )
    assert session.code == 0, session.out
    for name, spent_j in TRUE_J.items():
        record = session.energies[name]
        value, low, high = record["energy_j"]
        truth_j = spent_j + 2.0 * record["time_s"][0]
        assert low < truth_j < high, name
        # the edges of the windows cost some, more on a busy machine; rounds left out, all
        assert value == pytest.approx(truth_j, rel=0.6), name
        assert len(record["windows_j"]["cpu.package"]) <= MOST
