"""When a node has come to rest after work: its power has settled, or is down at the idle power."""

from __future__ import annotations

from collections.abc import Iterator

from energybench.analysis.uncertainty.settling import LAST, settled
from energybench.measuring.recent_energy import RecentEnergy
from energybench.plugins import Clock

# Longest rest before the idle phase after the work. A board's clocks and averages of 1 s are down
# again in a few seconds.
REST_S = 10.0
_PART_S = 0.5  # least length of the parts for judging a rest
# and least number of updates of the slowest sensor in a part: the mean power is then good to some
# percent without fast polls
_UPDATES = 10
_NEAR_IDLE = 1.1  # times the idle power: near enough


def resting(
    clock: Clock,
    recent: RecentEnergy,
    least_s: float,
    most_s: float,
    near_w: float | None = None,
    *,
    both: bool = False,
) -> Iterator[float]:
    """Times until which to sample on, one after another, until the node is at rest or `most_s` is
    over.

    At rest: the power has settled or is near `near_w`; with `both`, settled and near. If power is
    not measured, the rest takes `least_s`.
    """
    begin_s, part_s = clock.now(), max(_PART_S, _UPDATES * recent.slowest_s)
    powers_w: list[float] = []
    silent = 0  # parts without a power in a row: one may be a late reading
    measured = True
    while (spent_s := clock.now() - begin_s) < most_s:
        if spent_s >= least_s and (not measured or _at_rest(powers_w, near_w, both=both)):
            return
        start_s = clock.now()
        yield min(start_s + part_s, begin_s + most_s)
        power_w = recent.power_w(start_s, clock.now())
        silent = silent + 1 if power_w is None else 0
        measured = recent.measures and silent < LAST
        if power_w is not None:
            powers_w.append(power_w)


def _at_rest(powers_w: list[float], near_w: float | None, *, both: bool) -> bool:
    """Whether the powers of the parts have settled or (`both`: and) come down near a level."""
    near = bool(powers_w) and near_w is not None and powers_w[-1] <= _NEAR_IDLE * near_w
    if both:
        return settled(powers_w) and (near or near_w is None)
    return settled(powers_w) or near
