"""The warm-up: unmeasured runs until the power has settled; then the number of runs in a repeat."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from energybench.analysis.uncertainty.settling import LAST, WITHIN_REL, Settling, judge
from energybench.measuring.plan import Request
from energybench.measuring.session import Session

LEAST_S = 1.0
# A single run longer than this, s, is warm-up enough if its power settles. A shorter run is
# followed by a second.
LONG_RUN_S = 10.0
# Least length of a part of the warm-up, s, and least number of updates of the slowest sensor in a
# part: the mean power over fewer updates is not good to the 2 % of settling.
_PART_S = 1 / 3
_UPDATES = 10
# Number of parts that a long run is divided into, and length of the end of the run that is looked
# at (and is in memory), s.
_INSIDE, _LOOK_BACK_S = 12, 100.0
# Allowed uncertainty of a repeat because of sampling, in targets: some 20 repeats then average the
# uncertainty down to the target.
SAMPLING_RELS = 5.0
LONGEST_REPEAT_S = 60.0  # for a longer total, more repeats
# Margin for runs getting faster: a repeat is not to end just before the shortest requested time.
_FASTER = 1.05
_MOST_RUNS = 10**6  # in a part
_NOT_KNOWN = Settling(None, None)

# does the work a number of times; the worker's reply
Run = Callable[[int], dict[str, Any]]


@dataclass(kw_only=True)
class _WarmUp:
    """The finished runs of a warm-up.

    spent_s     total time of the runs
    runs        number of runs
    shortest_s  time of a run in the fastest part
    longest_s   time of a run in the slowest part
    powers_w    mean power of the parts; None: not measured
    seconds     time of a run in the parts
    settling    whether the power (or the time of a run) has settled
    quantity    quantity of `settling`: "power" or "run time"
    start_s     start of the last part
    end_s       end of the last part
    """

    spent_s: float = 0.0
    runs: int = 0
    shortest_s: float = math.inf
    longest_s: float = 0.0
    powers_w: list[float | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    settling: Settling = _NOT_KNOWN
    quantity: str = "power"
    start_s: float = 0.0
    end_s: float = 0.0

    def add(self, session: Session, runs: int, start_s: float, end_s: float) -> None:
        """Add a part and judge anew whether the node has settled."""
        part_s = end_s - start_s
        run_s = max(part_s / runs, 1e-6)
        self.start_s, self.end_s = start_s, end_s
        self.spent_s += part_s
        self.runs += runs
        self.shortest_s, self.longest_s = min(self.shortest_s, run_s), max(self.longest_s, run_s)
        self.powers_w.append(session.recent.power_w(start_s, end_s))
        self.seconds.append(part_s / runs)
        long = part_s >= LONG_RUN_S
        if long and self.runs == 1:
            self.settling, self.quantity = _inside(session, start_s, end_s), "power"
        else:
            self.settling, self.quantity = self._judged(2 if long else LAST)

    def _judged(self, enough: int) -> tuple[Settling, str]:
        """Whether the parts have settled, by power if it is measured, otherwise by the time of a
        run.
        """
        powers_w = _measured(self.powers_w)
        if powers_w:
            return judge(powers_w, enough), "power"
        return judge(self.seconds, enough), "run time"

    def enough(self) -> bool:
        """Whether the warm-up can end before the cap."""
        if self.spent_s < LEAST_S or (self.runs < 2 and self.spent_s < LONG_RUN_S):
            return False
        settled = self.settling.settled
        return settled is True or (self.runs == 1 and settled is None)

    def next_runs(self, part_s: float, most_s: float) -> int:
        """Runs of the next part; 0 if a further run would end after the cap."""
        if self.spent_s >= most_s:
            return 0
        fitting = int((most_s - self.spent_s) / self.shortest_s)
        return min(math.ceil(part_s / self.shortest_s), _MOST_RUNS, fitting)


def warm_up(session: Session, request: Request, run: Run) -> int:
    """Run until the power has settled; the number of runs in a repeat. An unsettled end is a doubt.

    A run is not cut short, so the cap of `request.max_warm_up_s` acts between runs: the first run
    is always made, and no further run is begun with an expected end after the cap.
    """
    most_s, part_s = request.max_warm_up_s, max(_PART_S, _UPDATES * session.recent.slowest_s)
    so_far = _WarmUp()
    runs = 1
    while runs and not so_far.enough():
        reply = run(runs)
        session.region("warm-up", reply["start_s"], reply["end_s"])
        so_far.add(session, runs, reply["start_s"], reply["end_s"])
        runs = so_far.next_runs(part_s, most_s)
    _doubt_unsettled(session, so_far, most_s)
    return _runs_per_repeat(session, request, so_far)


def _measured(powers_w: Sequence[float | None]) -> list[float]:
    """The known powers. None at all if the last parts have none: the sensor is silent.

    A single part without a power is left out: on a busy machine the readings of a short part may
    come too late, and the time of a run would then end the warm-up while the power still changes.
    """
    if all(power_w is None for power_w in powers_w[-LAST:]):
        return []
    return [power_w for power_w in powers_w if power_w is not None]


def _inside(session: Session, start_s: float, end_s: float) -> Settling:
    """Whether power settled within a long run; not known if power is not measured."""
    start_s = max(start_s, end_s - _LOOK_BACK_S)
    step_s = (end_s - start_s) / _INSIDE
    powers_w = [
        session.recent.power_w(start_s + i * step_s, start_s + (i + 1) * step_s)
        for i in range(_INSIDE)
    ]
    return judge(_measured(powers_w))


def _doubt_unsettled(session: Session, so_far: _WarmUp, most_s: float) -> None:
    """Add a doubt if the warm-up ended before the power had settled."""
    lasts = f"a run lasts {_span(so_far.shortest_s, so_far.longest_s)}"
    if so_far.spent_s > most_s:
        why = f"{lasts} and is not cut short"
    else:
        why = f"{lasts}, and another would end beyond that"
    settled, drift_rel = so_far.settling.settled, so_far.settling.drift_rel or 0.0
    not_known = so_far.settling == _NOT_KNOWN
    if so_far.runs == 1 and not_known and so_far.spent_s < LONG_RUN_S:
        session.doubt(
            "not-settled",
            "the warm-up was a single run, which does not show whether its power had settled "
            f"(--max-warm-up {most_s:g}: {why})",
            _longer(most_s, LAST * so_far.longest_s),
        )
    elif settled is False or (settled is None and abs(drift_rel) > WITHIN_REL):
        session.doubt(
            "not-settled",
            f"after {so_far.spent_s:.3g} s of warm-up its {so_far.quantity} still changed by "
            f"{drift_rel:+.1%} over the last part of it (--max-warm-up {most_s:g}: {why})",
            f"{_longer(most_s, so_far.spent_s + so_far.longest_s)}; see clocks and temperature",
        )


def _span(shortest_s: float, longest_s: float) -> str:
    if longest_s < 1.1 * shortest_s:
        return f"{longest_s:.2g} s"
    return f"{shortest_s:.2g} to {longest_s:.2g} s"


def _longer(most_s: float, wanted_s: float) -> str:
    """A cap with time for a further part; at least twice the present cap."""
    return f"--max-warm-up {max(2 * most_s, math.ceil(wanted_s)):g}"


def _runs_per_repeat(session: Session, request: Request, so_far: _WarmUp) -> int:
    """Runs for the shortest requested repeat, or for a longer repeat if a part-time sensor would
    miss too much.
    """
    wanted_s = request.min_window_s
    sampling = session.recent.sampling_rel(so_far.start_s, so_far.end_s)
    if sampling is not None:
        allowed = SAMPLING_RELS * request.target_rel
        needed_s = (so_far.end_s - so_far.start_s) * (sampling / allowed) ** 2
        wanted_s = max(wanted_s, min(needed_s, LONGEST_REPEAT_S))
    return times_for(wanted_s, so_far.shortest_s)


def times_for(window_s: float, run_s: float) -> int:
    """Number of runs for a full window, and a little more; `run_s`: time of a run."""
    return max(1, math.ceil(_FASTER * window_s / run_s))
