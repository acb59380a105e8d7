"""Windows of one test: how many calls each holds, how many windows there are, and their run.

The calls themselves are the driver's: a generator asks for turns of a loop, and the driver, plain
or asynchronous, runs them. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from energybench.errors import in_one_line
from energybench.pytest_plugin.instrumentation import undisturbed
from energybench.pytest_plugin.loops import Span
from energybench.real_clock import monotonic

if TYPE_CHECKING:
    from energybench.api.caller_run import CallerRun
    from energybench.pytest_plugin.options import Settings

_AT_MOST = 30  # windows, if a precision is asked for
# Length of the loop from which the number of calls is computed, as a share of a window.
_TRIAL = 0.1
_GROWTH = 20  # between two trials
# Calls beyond those that just fill a window: on a busy machine a trial takes longer than it should.
_MARGIN = 1.2
# A first window that is shorter than this share of a window is begun anew with more calls.
_SHORT = 0.95
_RESTARTS = 4
# Patience with trials, s. A function whose calls become slower and slower never fills a trial.
_TRIALS_S = 30.0
# Calls of the empty loop that tells what a loop itself takes.
_EMPTY_CALLS = 200_000


class Turn(NamedTuple):
    """A loop that the driver is to run.

    calls   number of calls
    begun   is told the start of a window; None: a trial, in no window
    """

    calls: int
    begun: Callable[[float], None] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """What was measured.

    calls    calls in each window
    count    number of windows
    window_s mean length of a window
    wanted   number of windows that would have been measured if the budget had allowed
    """

    calls: int
    count: int
    window_s: float
    wanted: int


Plan = Generator[Turn, Span, Windows]


def plan(run: CallerRun, wish: Settings, call_s: float | None, calls: int | None = None) -> Plan:
    """Ask for trials, then for windows.

    call_s  time of a call as known so far
    calls   calls in each window; None: as many as fill a window
    """
    described = run.sensors()
    shortest_s = 0.0 if described is None else float(described["shortest_s"])
    window_s = max(wish.window_s, shortest_s)
    grows = calls is None
    if calls is None:
        calls = yield from _calibrated(window_s, call_s)
    at_most = wish.windows if wish.precision_rel is None else _AT_MOST
    lengths_s: list[float] = []
    restarts = _RESTARTS if grows else 0
    while run.refusal is None and len(lengths_s) < at_most:
        if _is_enough(run, wish, lengths_s, at_most):
            at_most = len(lengths_s)
            break
        if sum(lengths_s) + _mean(lengths_s) > wish.budget_s:
            break
        run.approach(at_most)
        if run.refusal is not None:
            break
        span = yield Turn(calls, run.begun)
        if not lengths_s and restarts and span.length_s < _SHORT * window_s:
            restarts -= 1  # the window is not ended: the next beginning replaces it
            calls = _filling(calls, window_s, span.length_s)
            continue
        run.ended(span.start_s, span.end_s, work=work(run, calls))
        lengths_s.append(span.length_s)
    return Windows(calls=calls, count=len(lengths_s), window_s=_mean(lengths_s), wanted=at_most)


def _is_enough(run: CallerRun, wish: Settings, lengths_s: Sequence[float], at_most: int) -> bool:
    """Whether the precision that is asked for is reached."""
    if wish.precision_rel is None or not lengths_s:
        return False
    return not run.wants_more(wish.precision_rel, at_most)


def _mean(lengths_s: Sequence[float]) -> float:
    return sum(lengths_s) / len(lengths_s) if lengths_s else 0.0


def _filling(calls: int, window_s: float, length_s: float) -> int:
    """Number of calls that fill a window, if `calls` took `length_s`."""
    return max(1, math.ceil(_MARGIN * calls * window_s / max(length_s, 1e-9)))


def work(run: CallerRun, calls: int) -> dict[str, Any]:
    """The work of a window, as the sampling process takes it."""
    return {
        "amount": float(calls),
        "unit": "iteration",
        "fingerprint": run.label,
        "precision": "equal-precision",
    }


def _calibrated(window_s: float, call_s: float | None) -> Generator[Turn, Span, int]:
    """Number of calls that fill a window."""
    if call_s is not None and call_s >= window_s:
        return 1
    trial_s = _TRIAL * window_s
    calls = 1 if call_s is None else max(1, round(trial_s / max(call_s, 1e-9)))
    until_s = monotonic() + _TRIALS_S
    while True:
        length_s = (yield Turn(calls, None)).length_s
        # half a trial tells the number of calls as well
        if length_s >= trial_s / 2 or monotonic() > until_s:
            return _filling(calls, window_s, length_s)
        calls = math.ceil(calls * min(_GROWTH, 1.2 * trial_s / max(length_s, 1e-9)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Calls:
    """How the calls of a turn are made.

    prepared    makes the loop of a turn, after the set-up
    after       tears down after a turn
    without_gc  whether the garbage collector is paused in a turn
    """

    prepared: Callable[[], Callable[[int], Any]]
    after: Callable[[], object] = lambda: None
    without_gc: bool = False


class Failed(Exception):
    """An error of energybench and not of the measured function; the message is for the table."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"energybench failed in this test: {in_one_line(error)}")


class _Steps:
    """A plan under way. A StopIteration of the measured function is not the end of the plan.

    windows  what the plan returned; None: it goes on
    """

    def __init__(self, steps: Plan) -> None:
        self._steps = steps
        self.windows: Windows | None = None

    def turn(self, last: Span | None) -> Turn | None:
        """The next turn, after the last one; None: the plan is over. Raises Failed."""
        try:
            return next(self._steps) if last is None else self._steps.send(last)
        except StopIteration as stop:
            self.windows = stop.value
            return None
        except Exception as error:
            raise Failed(error) from error


def drive(plan: Plan, calls: Calls) -> Windows | None:
    """Run the turns of a plan."""
    steps = _Steps(plan)
    span: Span | None = None
    while (turn := steps.turn(span)) is not None:
        loop = calls.prepared()
        try:
            with undisturbed(without_gc=calls.without_gc):
                if turn.begun is not None:
                    turn.begun(monotonic())
                start_s = monotonic()
                loop(turn.calls)
                span = Span(start_s, monotonic())
        finally:
            calls.after()
    return steps.windows


async def drive_awaited(plan: Plan, calls: Calls) -> Windows | None:
    """Run the turns of a plan on the running event loop."""
    steps = _Steps(plan)
    span: Span | None = None
    while (turn := steps.turn(span)) is not None:
        loop = calls.prepared()
        try:
            with undisturbed(without_gc=calls.without_gc):
                if turn.begun is not None:
                    turn.begun(monotonic())
                start_s = monotonic()
                await loop(turn.calls)
                span = Span(start_s, monotonic())
        finally:
            calls.after()
    return steps.windows


def empty_loop_s() -> float:
    """Time of one turn of a loop without a call, s."""
    with undisturbed(without_gc=True):
        lengths_s = []
        for _ in range(3):
            start_s = monotonic()
            for _ in repeat(None, _EMPTY_CALLS):
                pass
            lengths_s.append(monotonic() - start_s)
    return min(lengths_s) / _EMPTY_CALLS
