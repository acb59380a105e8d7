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
from energybench.pytest_plugin.loops import Chunks, Span
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
# A first window is cut, and begun anew with fewer calls, at so many times its length.
_LONG = 3
# A later window may take so many times the mean of the windows before, whatever time is left.
_OVERTIME = 1.5
# Patience with trials, s. A function whose calls become slower and slower never fills a trial.
_TRIALS_S = 30.0
# Calls of the empty loop that tells what a loop itself takes.
_EMPTY_CALLS = 200_000


class Turn(NamedTuple):
    """A loop that the driver is to run.

    calls   number of calls
    begun   is told the start of a window; None: a trial, in no window
    most_s  length at which the loop is cut, s
    """

    calls: int
    begun: Callable[[float], None] | None
    most_s: float


class Cut(NamedTuple):
    """A window that was cut because the time allowed was over.

    window  number of the window, from 1
    calls   calls until the cut
    wanted  calls that the window should have had
    """

    window: int
    calls: int
    wanted: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """The windows of a test.

    calls     mean number of calls in a window
    count     number of windows
    window_s  mean length of a window
    wanted    number of windows that would have been measured if the budget had allowed
    before_s  shortest time of a call in the trials; None: not known
    slowest_s longest mean time of a call in a window
    cut       the window that was cut, which is the last one; None: no window was cut
    """

    calls: float
    count: int
    window_s: float
    wanted: int
    before_s: float | None = None
    slowest_s: float = 0.0
    cut: Cut | None = None

    @property
    def call_s(self) -> float:
        """Mean time of a call in the windows, s."""
        return self.window_s / self.calls if self.calls else 0.0


Plan = Generator[Turn, Span, Windows]


def plan(run: CallerRun, wish: Settings, call_s: float | None, calls: int | None = None) -> Plan:
    """Ask for trials, then for windows.

    call_s  time of a call as known so far
    calls   calls in each window, which is then not cut; None: as many as fill a window
    """
    described = run.sensors()
    shortest_s = 0.0 if described is None else float(described["shortest_s"])
    window_s = max(wish.window_s, shortest_s)
    stated = calls
    if calls is None:
        calls, call_s = yield from _calibrated(window_s, call_s, wish.budget_s)
    at_most = wish.windows if wish.precision_rel is None else _AT_MOST
    spans: list[Span] = []
    cut: Cut | None = None
    discarded_s = 0.0  # in first windows that were cut and begun anew
    restarts = _RESTARTS if stated is None else 0
    while run.refusal is None and len(spans) < at_most and cut is None:
        if _is_enough(run, wish, spans, at_most):
            at_most = len(spans)
            break
        left_s = wish.budget_s - discarded_s - sum(span.length_s for span in spans)
        if spans and _mean_s(spans) > left_s:
            break
        run.approach(at_most)
        if run.refusal is not None:
            break
        most_s = _most_s(window_s, spans, left_s, restarts) if stated is None else math.inf
        span = yield Turn(calls, run.begun, most_s)
        is_cut = span.calls < calls
        # a window that is not ended is replaced by the next beginning
        if not spans and restarts and is_cut:
            restarts -= 1
            discarded_s += span.length_s
            calls = _filling_now(span, window_s)
            continue
        if not spans and restarts and span.length_s < _SHORT * window_s:
            restarts -= 1
            calls = _filling(span, window_s)
            continue
        run.ended(span.start_s, span.end_s, work=work(run, span.calls))
        spans.append(span)
        if is_cut:
            cut = Cut(len(spans), span.calls, calls)
    return Windows(
        calls=sum(span.calls for span in spans) / max(len(spans), 1),
        count=len(spans),
        window_s=_mean_s(spans),
        wanted=at_most,
        before_s=call_s,
        slowest_s=max((span.length_s / span.calls for span in spans), default=0.0),
        cut=cut,
    )


def _is_enough(run: CallerRun, wish: Settings, spans: Sequence[Span], at_most: int) -> bool:
    """Whether the precision that is asked for is reached."""
    if wish.precision_rel is None or not spans:
        return False
    return not run.wants_more(wish.precision_rel, at_most)


def _mean_s(spans: Sequence[Span]) -> float:
    """Mean length, s."""
    return sum(span.length_s for span in spans) / len(spans) if spans else 0.0


def _most_s(window_s: float, spans: Sequence[Span], left_s: float, restarts: int) -> float:
    """Length at which a window is cut, s: a first window that can be begun anew is cut early, every
    other one only if the time allowed is over. A window is never cut before it is long enough for
    the sensors, and never because it takes a little longer than the windows before.

    left_s    rest of the time allowed
    restarts  how often a first window can still be begun anew
    """
    if spans:
        return max(left_s, _OVERTIME * _mean_s(spans))
    whole_s = max(left_s, _OVERTIME * _MARGIN * window_s)
    return min(whole_s, _LONG * window_s) if restarts else whole_s


def _filling(span: Span, window_s: float) -> int:
    """Number of calls that fill a window, by the calls of a loop."""
    return max(1, math.ceil(_MARGIN * span.calls * window_s / max(span.length_s, 1e-9)))


def _filling_now(span: Span, window_s: float) -> int:
    """Number of calls that fill a window, by the last calls of a loop."""
    return max(1, math.ceil(_MARGIN * window_s / max(span.last_call_s, 1e-9)))


def work(run: CallerRun, calls: int) -> dict[str, Any]:
    """The work of a window, as the sampling process takes it."""
    return {
        "amount": float(calls),
        "unit": "iteration",
        "fingerprint": run.label,
        "precision": "equal-precision",
    }


def _calibrated(
    window_s: float, call_s: float | None, budget_s: float
) -> Generator[Turn, Span, tuple[int, float]]:
    """Number of calls that fill a window, and the shortest time of a call so far."""
    if call_s is not None and call_s >= window_s:
        return 1, call_s
    shortest_s = math.inf if call_s is None else call_s
    trial_s = _TRIAL * window_s
    calls = 1 if call_s is None else max(1, round(trial_s / max(call_s, 1e-9)))
    until_s = monotonic() + min(_TRIALS_S, max(budget_s, window_s))
    while True:
        span = yield Turn(calls, None, window_s)
        if span.calls < calls:  # the calls have become slower
            return _filling_now(span, window_s), shortest_s
        shortest_s = min(shortest_s, span.length_s / span.calls)
        # half a trial tells the number of calls as well
        if span.length_s >= trial_s / 2 or monotonic() > until_s:
            return _filling(span, window_s), shortest_s
        calls = math.ceil(calls * min(_GROWTH, 1.2 * trial_s / max(span.length_s, 1e-9)))


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
                chunks = Chunks(turn.calls, turn.most_s)
                while calls_of_chunk := chunks.next():
                    loop(calls_of_chunk)
                span = chunks.span
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
                chunks = Chunks(turn.calls, turn.most_s)
                while calls_of_chunk := chunks.next():
                    await loop(calls_of_chunk)
                span = chunks.span
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
