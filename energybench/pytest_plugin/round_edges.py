"""Windows around the rounds of `benchmark.pedantic`, measured in place.

pytest-benchmark reads its timer, `BenchmarkFixture._timer`, before each round, and calls the timer
at the start and the end of the round. A round at the edge of a window gets a timer that stamps.
A short round in the middle of a window gets pytest-benchmark's own timer: nothing is done in its
time. PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from energybench.pytest_plugin.rounds import Rounds, sizes, spread
from energybench.pytest_plugin.windows import Failed, work
from energybench.real_clock import monotonic

if TYPE_CHECKING:
    from energybench.api.caller_run import CallerRun
    from energybench.pytest_plugin.options import Settings

# A time stamp makes a round some 0.1 µs longer, which does not matter for rounds of at least
# `_LONG_ROUND_S` seconds. Of `_ONE_IN` shorter rounds a single round is stamped, so that neither
# median nor minimum of the rounds changes.
_LONG_ROUND_S = 100e-6
_ONE_IN = 50
# Windows of rounds with a window of their own: so many, and fewer if the waits before the windows
# would take longer than this in all, s. A judgement.
_MOST_ALONE, _LEAST_ALONE, _MOST_WAITS_S = 500, 30, 30.0
# Share of the first window between its rounds from which no further window begins: no energy could
# come of it. A judgement.
_HOPELESS_SHARE = 0.5

Step = Callable[..., Any]


class Edges:
    """Begins and ends windows. Callable: the timer of a round that is stamped.

    A window holds as many rounds as fill the time that the sensors need. If a test has a set-up,
    and a round is as long as the sensors need, each round has a window of its own, and the set-up
    lies outside.

    failure    why nothing more is measured; None: all went well
    largest_w  largest power by measured component, W
    windows    number of windows so far
    measured   number of rounds in them
    """

    def __init__(self, run: CallerRun, wish: Settings, timer: Any, rounds: Rounds) -> None:
        self._run, self._wish, self._timer = run, wish, timer
        self.failure: str | None = None
        self._opened = False
        self._least_s = 0.0  # length of a window
        self._alone_s = math.inf  # length of a round from which it has a window of its own
        self.has_set_up = rounds.set_up
        self.largest_w: dict[str, float] = {}
        self.__name__ = getattr(timer, "__name__", str(timer))  # stands in pytest-benchmark's JSON
        self._iterations = rounds.iterations
        self._warmup, self._left = rounds.warmup, rounds.measured  # rounds that are to come
        self._all = rounds.measured
        self._stamps = self._plain = False  # the next round is stamped; the last one was not
        self._in_round = False
        self._approach_s = 0.0  # length of the last wait
        self._window_s: float | None = None  # start of the open window
        self._round_s = self._length_s = 0.0  # start and length of the last stamped round
        self._held = self._since = 0  # rounds in the open window, and since the last stamped round
        self._wanted: int | None = None  # rounds in a window, once the first window has told
        self._sizes: Iterator[int] = iter(())
        self._chosen: frozenset[int] | None = None  # rounds that have a window; None: all
        self._first_chosen = 0  # rounds that were left when they were chosen
        self._inside_s = self._all_s = 0.0  # time in rounds, and in windows
        self._set_up_s = 0.0  # time of set-ups and tear-downs in windows
        self._calls = 0  # in windows
        self.windows = self.measured = 0

    # ------------------------------------------------------------ pytest-benchmark's timer

    def timer(self) -> Any:
        """The timer of the next round, which pytest-benchmark reads before the round, and once
        before all rounds.
        """
        if not self._stamps:
            self._safely(self._before_round)
        return self if self._stamps and self.failure is None else self._timer

    def __call__(self) -> Any:
        if not self._in_round:
            self._in_round, self._stamps = True, False
            self._safely(self._begin_round)
            return self._timer()
        value = self._timer()
        self._in_round = False
        self._safely(self._end_round)
        return value

    def _safely(self, step: Callable[[], None]) -> None:
        """An error of energybench is no error of the test, which may have replaced any function."""
        if self.failure is None:
            try:
                step()
            except Exception as error:
                self.failure = str(Failed(error))

    # ------------------------------------------------------------ between the rounds

    def _open(self) -> None:
        self._opened = True
        self._run.open()
        described = self._run.sensors()
        shortest_s = 0.0 if described is None else float(described["shortest_s"])
        self._least_s = max(self._wish.window_s, shortest_s)
        if described is not None:
            self.largest_w = dict(described["largest_w"])
        if self.has_set_up and shortest_s > 0:
            self._alone_s = shortest_s

    def _before_round(self) -> None:
        """Choose whether the next round is stamped, and prepare the sensors before a window."""
        if not self._opened:
            self._open()
        self._count_plain_round()
        if self._warmup:
            self._stamps = True
        elif self._left > 0:
            if self._window_s is not None:
                self._stamps = self._is_stamped_within()
            elif self._begins_window:
                self._approach()
                self._stamps = True
            self._plain = not self._stamps

    def _count_plain_round(self) -> None:
        """The round since the last look, if it was not stamped."""
        if self._plain:
            self._plain = False
            self._left -= 1
            if self._window_s is not None:
                self._held += 1
                self._since += 1

    @property
    def _begins_window(self) -> bool:
        """Whether the next round, which lies in no open window, begins one."""
        return self._chosen is None or self._first_chosen - self._left in self._chosen

    def _is_stamped_within(self) -> bool:
        """Whether the next round of an open window is stamped: it may be the last one."""
        if self._left == 1 or (self._wanted is not None and self._held + 1 >= self._wanted):
            return True
        if self._length_s >= _LONG_ROUND_S or self._since + 1 >= _ONE_IN:
            return True
        full_s = (self._window_s or 0.0) + self._least_s
        return self._wanted is None and monotonic() + self._length_s >= full_s

    def _approach(self) -> None:
        """Wait until the sensors are sampled fast."""
        start_s = monotonic()
        self._run.approach()  # the number of windows is not known before the first
        self._approach_s = monotonic() - start_s

    # ------------------------------------------------------------ edges of the rounds

    def _begin_round(self) -> None:
        if self._warmup:
            return
        if self._window_s is None:
            self._run.begun(monotonic())
            self._window_s = monotonic()
        self._round_s = monotonic()

    def _end_round(self) -> None:
        end_s = monotonic()
        if self._warmup:
            self._warmup -= 1
            return
        self._left -= 1
        self._held += 1
        self._length_s = end_s - self._round_s
        # the unstamped rounds since the last stamp count with the length of this round
        self._inside_s += self._length_s * (self._since + 1)
        self._since = 0
        if self._window_s is None:
            return
        if self._wanted is None:
            self._plan(end_s - self._window_s)
        if self._left <= 0 or self._held == self._wanted:
            self._end_window(self._window_s, end_s)

    def _plan(self, window_s: float) -> None:
        """Choose the rounds of every window, if the first window is long enough."""
        if self._held == 1 and self._length_s >= self._alone_s:
            self._wanted = 1
            waits = _MOST_WAITS_S / max(1.5 * self._approach_s, 1e-9)
            most = max(_LEAST_ALONE, min(_MOST_ALONE, int(waits)))
            self._chosen, self._first_chosen = spread(self._left, most - 1), self._left
            self._sizes = iter(())
        elif window_s >= self._least_s:
            self._wanted, *others = sizes(self._all, self._held)
            self._sizes = iter(others)

    def _end_window(self, start_s: float, end_s: float) -> None:
        self._run.ended(start_s, end_s, work=work(self._run, self._held * self._iterations))
        self._all_s += end_s - start_s
        self._calls += self._held * self._iterations
        self.measured += self._held
        self._window_s, self._held = None, 0
        self._wanted = next(self._sizes, self._wanted)
        self.windows += 1
        if self.outside > _HOPELESS_SHARE:
            self._chosen = frozenset()

    def around(self, target: Step) -> Step:
        """The function in a window of its own, for a pytest-benchmark that is disabled and calls it
        once.
        """
        self._iterations, self._warmup, self._left, self._all = 1, 0, 1, 1

        def measured(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            self._safely(self._before_round)
            self._safely(self._begin_round)
            result = target(*args, **kwargs)
            self._safely(self._end_round)
            return result

        return measured

    # ------------------------------------------------------------ set-up and tear-down

    def timed(self, step: Step) -> Step:
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

    # ------------------------------------------------------------ results

    @property
    def miscounted(self) -> bool:
        """Whether pytest-benchmark made another number of rounds than the test asked for."""
        return self._left - self._plain != 0 or self._window_s is not None

    @property
    def left_out(self) -> str | None:
        """How many rounds were measured, in words; None: all."""
        return None if self.measured == self._all else f"{self.measured} of {self._all} rounds"

    @property
    def outside(self) -> float:
        """Share of the windows' time that lies between the rounds."""
        return max(0.0, 1 - self._inside_s / self._all_s) if self._all_s else 0.0

    @property
    def set_up(self) -> tuple[float, float]:
        """Time of set-ups and tear-downs in the windows: as a share of the windows, and for each
        iteration in s.
        """
        if not self._calls:
            return 0.0, 0.0
        return self._set_up_s / self._all_s, self._set_up_s / self._calls
