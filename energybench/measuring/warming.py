"""The warm-up: runs that are not measured, until the power has come to rest; then how often a
repeat does its work.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from energybench.analysis.uncertainty.settling import LAST, WITHIN_REL, Settling, judge
from energybench.measuring.plan import Request
from energybench.measuring.session import Session

LEAST_S = 1.0
# a run longer than this is a warm-up by itself if its own power settles; a shorter one is followed
# by a second
LONG_RUN_S = 10.0
_PART_S = 1 / 3  # short work is warmed up in parts at least so long,
# and so many updates of the slowest sensor: the mean power over fewer is not good to the 2 % that
# settling asks
_UPDATES = 10
_INSIDE, _LOOK_BACK_S = (
    12,
    100.0,
)  # parts that a long run is looked at in, and how far back: what `Recent` still holds
# what one repeat's sampling may be off by, in targets: some 20 repeats then average it down to the
# target
SAMPLING_RELS = 5.0
LONGEST_REPEAT_S = 60.0  # beyond that, more repeats
# what runs on may still get faster by: a repeat is not to end up just short of what was asked for
_FASTER = 1.05

Run = Callable[[int], dict[str, Any]]  # run the work so many times; the worker's answer


class _Series(NamedTuple):
    """One entry a part of the warm-up: its mean power (None: not measured) and its time per run."""

    powers_w: list[float | None]
    seconds: list[float]

    def judged(self, enough: int) -> tuple[Settling, str]:
        """How it has settled, and what that was judged by."""
        powers = [power for power in self.powers_w if power is not None]
        if len(powers) == len(self.powers_w):
            return judge(powers, enough), "power"
        return judge(self.seconds, enough), "run time"


def warm_up(session: Session, request: Request, run: Run) -> int:
    """Run until settled; how many runs make one repeat. Not settled by then is a doubt.

    A run is not cut short, so the cap of `request.max_warm_up_s` is looked at between runs: the
    first is always made, and no other is begun that would end beyond the cap if it took as long as
    those before it.
    """
    most_s, part_s = request.max_warm_up_s, max(_PART_S, _UPDATES * session.recent.slowest_s)
    series = _Series([], [])
    spent, shortest, longest, runs, found, of = 0.0, math.inf, 0.0, 0, Settling(None, None), "power"
    start = end = 0.0
    times = 1
    while times and not _enough(spent, runs, found):
        ran = run(times)
        start, end = ran["start_s"], ran["end_s"]
        session.region("warm-up", start, end)
        each = max((end - start) / times, 1e-6)
        spent, shortest, longest, runs = (
            spent + end - start,
            min(shortest, each),
            max(longest, each),
            runs + times,
        )
        series.powers_w.append(session.recent.power_w(start, end))
        series.seconds.append((end - start) / times)
        long = end - start >= LONG_RUN_S
        found, of = (
            _inside(session, start, end)
            if long and runs == 1
            else series.judged(2 if long else LAST)
        )
        times = min(
            math.ceil(part_s / shortest),
            10**6,
            int((most_s - spent) / shortest) if spent < most_s else 0,
        )
    lasts = f"a run lasts {_span(shortest, longest)}"
    why = (
        f"{lasts} and is not cut short"
        if spent > most_s
        else f"{lasts}, and another would end beyond that"
    )
    if runs == 1 and found == Settling(None, None) and spent < LONG_RUN_S:
        message = (
            "the warm-up was a single run, which does not show whether its power had settled "
            f"(--max-warm-up {most_s:g}: {why})"
        )
        session.doubt("not-settled", message, _remedy(most_s, LAST * longest))
    elif found.settled is False or (
        found.settled is None and abs(found.drift_rel or 0.0) > WITHIN_REL
    ):
        changed = (
            f"its {of} still changed by {found.drift_rel or 0.0:+.1%} over the last part of it"
        )
        message = f"after {spent:.3g} s of warm-up {changed} (--max-warm-up {most_s:g}: {why})"
        session.doubt(
            "not-settled",
            message,
            _remedy(most_s, spent + longest) + "; see clocks and temperature",
        )
    return _times(session, request, shortest, start, end)


def _enough(spent: float, runs: int, found: Settling) -> bool:
    """Whether to leave off before the cap."""
    if spent < LEAST_S or (runs < 2 and spent < LONG_RUN_S):
        return False
    return found.settled is True or (runs == 1 and found.settled is None)


def _span(shortest_s: float, longest_s: float) -> str:
    return (
        f"{longest_s:.2g} s"
        if longest_s < 1.1 * shortest_s
        else f"{shortest_s:.2g} to {longest_s:.2g} s"
    )


def _remedy(most_s: float, wanted_s: float) -> str:
    """A cap under which something more would have been done; twice the one there was, at least."""
    return f"--max-warm-up {max(2 * most_s, math.ceil(wanted_s)):g}"


def _inside(session: Session, start_s: float, end_s: float) -> tuple[Settling, str]:
    """One long run, part by part. What is not measured cannot be looked into."""
    start_s = max(start_s, end_s - _LOOK_BACK_S)
    step = (end_s - start_s) / _INSIDE
    powers = [
        session.recent.power_w(start_s + i * step, start_s + (i + 1) * step) for i in range(_INSIDE)
    ]
    known = [power for power in powers if power is not None]
    return (judge(known) if len(known) == len(powers) else Settling(None, None)), "power"


def _times(
    session: Session, request: Request, shortest_s: float, start_s: float, end_s: float
) -> int:
    """Runs in one repeat: the shortest repeat that was asked for, longer where a part-time sensor
    would miss too much of it.
    """
    wanted_s = request.min_window_s
    sampling = session.recent.sampling_rel(start_s, end_s)
    if sampling is not None:
        wanted_s = max(
            wanted_s,
            min(
                (end_s - start_s) * (sampling / (SAMPLING_RELS * request.target_rel)) ** 2,
                LONGEST_REPEAT_S,
            ),
        )
    return times_for(wanted_s, shortest_s)


def times_for(window_s: float, run_s: float) -> int:
    """Runs of so long each that fill a window, and a little more."""
    return max(1, math.ceil(_FASTER * window_s / run_s))
