"""Windows of `benchmark.pedantic`: measured in place, by the edges at which pytest-benchmark reads
its timer, so that the function is called no more often than the test asks.

The timer is the only private attribute of pytest-benchmark that energybench touches
(BenchmarkFixture._timer, the same from 4.0.0 to 5.3.1), and only here. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from energybench.pytest_plugin import record as records
from energybench.pytest_plugin import set_up
from energybench.pytest_plugin.measuring import Outcome, concluded, measured
from energybench.pytest_plugin.record import Record
from energybench.pytest_plugin.windows import Failed, work
from energybench.real_clock import monotonic

if TYPE_CHECKING:
    from energybench.api.caller_run import CallerRun
    from energybench.pytest_plugin.options import Settings

_AT_MOST = 30  # windows
# Time between the rounds of a window above which the window is said to hold more than the function.
_OUTSIDE_SHARE = 0.02
# Above which the energy of a window is not taken for that of the function. A judgement.
_MOST_OUTSIDE_SHARE = 0.1


# Makes, of a set-up or a tear-down, one whose time is known.
Timed = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounds:
    """Rounds and iterations that a test asks for.

    set_up  whether the test asks for a set-up or a tear-down of each round
    """

    warmup: int
    measured: int
    iterations: int
    set_up: bool = False


def measured_rounds(
    fixture: Any,
    run: CallerRun,
    wish: Settings,
    pedantic: Callable[[Callable[..., Any], Timed], Any],
    target: Callable[..., Any],
    rounds: Rounds,
    blank: Record,
    session: str,
) -> tuple[Any, Outcome]:
    """The result of the test's own call of pedantic, and the energy of its rounds.

    pedantic  calls the test's pedantic with a function, and with set-up and tear-down as `timed`
              makes them
    """
    __tracebackhide__ = True
    timer = getattr(fixture, "_timer", None)
    edges = Edges(run, wish, timer, rounds)
    over = False
    try:
        if fixture.disabled:
            result = pedantic(edges.around(target), edges.timed)
        elif not callable(timer):
            result = pedantic(target, edges.timed)
        else:
            fixture._timer = edges
            try:
                result = pedantic(target, edges.timed)
            finally:
                fixture._timer = timer
        over = True
    finally:
        if not over:
            run.finish()
    if not fixture.disabled and not callable(timer):
        why = "this pytest-benchmark has no timer where energybench looks for it (_timer)"
        return result, Outcome(record=records.of_refusal(blank, f"pedantic: {why}"))
    return result, concluded(blank, lambda: _measured(edges, run, blank, session))


def _measured(edges: Edges, run: CallerRun, blank: Record, session: str) -> Outcome:
    if edges.failure is not None:
        run.finish()
        return Outcome(record=records.of_refusal(blank, edges.failure))
    outcome = measured(run, blank, session)
    if edges.outside > _MOST_OUTSIDE_SHARE:
        why = (
            f"pedantic: {edges.outside:.0%} of the time of its windows lies between the rounds "
            f"(set-up): {set_up.REMEDY}"
        )
        return Outcome(record=records.of_refusal(blank, why))
    if "energy_j" not in outcome.record:
        return outcome
    edges.note(outcome.record)
    if edges.has_set_up:
        share, seconds = edges.set_up
        largest_j = set_up.most_j(outcome.record, seconds, share, edges.largest_w)
        refusal = set_up.allow_for(outcome.record, largest_j)
        if refusal is not None:
            return Outcome(record=records.of_refusal(blank, refusal))
    return outcome


class Edges:
    """A timer that begins and ends windows.

    A window holds as many rounds as fill the time that the sensors need. The sensors' approach to a
    window lies before the start of a round, outside of the round's time. If a test has a set-up and
    a round is as long as the sensors need, each round has a window of its own: its set-up lies
    outside.

    failure    why nothing more is measured; None: all went well
    largest_w  largest power by measured component, W
    """

    def __init__(self, run: CallerRun, wish: Settings, timer: Any, rounds: Rounds) -> None:
        self._run, self._wish, self._timer = run, wish, timer
        self.failure: str | None = None
        self._least_s: float | None = None  # length of a window, once the run is opened
        self._alone_s = math.inf  # length of a round from which it has a window of its own
        self.has_set_up = rounds.set_up
        self.largest_w: dict[str, float] = {}
        self.__name__ = getattr(timer, "__name__", str(timer))  # stands in pytest-benchmark's JSON
        self._iterations = rounds.iterations
        self._warmup, self._left = rounds.warmup, rounds.measured  # rounds that are to come
        self._in_round = False
        self._window_s: float | None = None  # start of the open window
        self._round_s = self._end_s = 0.0  # of the present or last round
        self._held = 0  # rounds in the open window
        self._wanted: int | None = None  # rounds in a window, once the first window has told
        self._inside_s = self._all_s = 0.0  # time in rounds, and in windows
        self._set_up_s = 0.0  # time of set-ups and tear-downs in windows
        self._calls = 0  # in windows
        self.windows = 0

    def __call__(self) -> Any:
        if not self._in_round:
            self._in_round = True
            self._safely(self._before_round)
            return self._timer()
        value = self._timer()
        self._in_round = False
        self._safely(self._after_round)
        return value

    def _safely(self, step: Callable[[], None]) -> None:
        """An error of energybench is no error of the test, which may have replaced any function."""
        if self.failure is None:
            try:
                step()
            except Exception as error:
                self.failure = str(Failed(error))

    def _before_round(self) -> None:
        if self._least_s is None:
            self._run.open()
            described = self._run.sensors()
            shortest_s = 0.0 if described is None else float(described["shortest_s"])
            self._least_s = max(self._wish.window_s, shortest_s)
            self.largest_w = {} if described is None else dict(described["largest_w"])
            if self.has_set_up and shortest_s > 0:
                self._alone_s = shortest_s
        if self._warmup:
            return
        fills = self._wanted is None or self._left >= self._wanted
        if self._window_s is None and self.windows < _AT_MOST and fills:
            self._run.approach(_AT_MOST)
            self._run.begun(monotonic())
            self._window_s = monotonic()
        self._round_s = monotonic()

    def _after_round(self) -> None:
        self._end_s = monotonic()
        if self._warmup:
            self._warmup -= 1
            return
        self._left -= 1
        if self._window_s is None:
            return
        self._held += 1
        self._inside_s += self._end_s - self._round_s
        full = self._held == self._wanted
        if self._wanted is None and self._least_s is not None:
            full = self._end_s - self._window_s >= self._least_s
            full = full or (self._held == 1 and self._end_s - self._round_s >= self._alone_s)
        if full or self._left <= 0:
            self._wanted = self._held
            self._end_window(self._window_s)

    def _end_window(self, start_s: float) -> None:
        stated = work(self._run, self._held * self._iterations)
        self._run.ended(start_s, self._end_s, work=stated)
        self._all_s += self._end_s - start_s
        self._calls += self._held * self._iterations
        self._window_s, self._held = None, 0
        self.windows += 1

    def around(self, target: Callable[..., Any]) -> Callable[..., Any]:
        """The function in a window of its own, for a pytest-benchmark that is disabled and calls it
        once.
        """
        self._iterations, self._warmup, self._left = 1, 0, 1

        def measured(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            self._safely(self._before_round)
            result = target(*args, **kwargs)
            self._safely(self._after_round)
            return result

        return measured

    @property
    def outside(self) -> float:
        """Share of the windows' time that lies between the rounds."""
        return 1 - self._inside_s / self._all_s if self._all_s else 0.0

    def timed(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """A set-up or tear-down whose time counts if it lies in a window. The rest of the time
        between the rounds is pytest-benchmark's own.
        """

        def between(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            start_s = monotonic()
            try:
                return step(*args, **kwargs)
            finally:
                if self._window_s is not None:
                    self._set_up_s += monotonic() - start_s

        return between

    @property
    def set_up(self) -> tuple[float, float]:
        """Time of set-ups and tear-downs in the windows: as a share of the windows, and for each
        iteration in s.
        """
        if not self._calls:
            return 0.0, 0.0
        return self._set_up_s / self._all_s, self._set_up_s / self._calls

    def note(self, record: Record) -> None:
        """Say what the windows hold beside the function."""
        records.note(record, "pedantic: measured in place")
        if self.windows == 1:
            records.note(record, "single window: the scatter is not known")
        share, _ = self.set_up
        outside = self.outside - share
        if outside > _OUTSIDE_SHARE:
            records.note(record, f"{outside:.0%} of the time lies between the rounds")
            value, low, high = record["energy_j"]
            record["energy_j"] = [value, low - outside * value, high]  # all of that time's
