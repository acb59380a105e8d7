"""The times at which `run` polls, as arrays: base grid, spread a little for counters, bursts around
the edges, and a little lateness for every poll. No clock is read.

The constants repeat measuring/sampler.py, session.py and stagger.py, which this package does not
import; a test compares the two.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from energybench.analysis.arrays import Floats

BASE_PERIOD_S = 0.1
BURST_PERIOD_S = 0.005
COUNTER_SPREAD_S = 0.04
EDGE_PERIODS = 2.2
LONGEST_BURST_S = 0.35
GOLDEN = (math.sqrt(5) - 1) / 2  # spreads the starts of the repeats evenly over the sensor's period

LATE_S = 1e-3  # mean lateness of a poll: a wake-up on a busy host takes 0.1-2 ms
LATEST_S = 4.5e-3  # below the burst's period, so that no poll is skipped
LEAD_S = 1.0  # set-up and warm-up before the first repeat, polled at the base rate
NOTICE_S = 3e-4  # at most, between the edge of the work and its notice by the sampler
CHECK_S = 0.3  # at most, for the check after a repeat


class Schedule(NamedTuple):
    """Times of the polls, and of the start and end of every repeat.

    Seconds of virtual time; polls_s ascends, shape [n]; starts_s and ends_s have shape [repeats].
    """

    polls_s: Floats
    starts_s: Floats
    ends_s: Floats


def edge_s(update_period_s: float) -> float:
    """Length of a burst for sensors whose slowest stated update period is this."""
    if update_period_s <= BURST_PERIOD_S:
        return 2 * BURST_PERIOD_S
    return min(EDGE_PERIODS * update_period_s, LONGEST_BURST_S)


class Stagger(NamedTuple):
    """The ticks of a part-time sensor; the starts of repeats are spread over their period. repeats:
    their number, None with a stopping rule.
    """

    period_s: float
    tick_s: float
    repeats: int | None

    def start_s(self, number: int, after_s: float) -> float:
        """The earliest start of repeat `number` after this time."""
        phase = number / self.repeats if self.repeats else number * GOLDEN % 1
        first = self.tick_s + phase * self.period_s
        return first + math.ceil((after_s - first) / self.period_s) * self.period_s


class Poller:
    """A sampler without a clock: from a start time, adds the polls of a burst or of the base grid,
    and returns the end time.
    """

    def __init__(self, origin_s: float, rng: np.random.Generator, spread_s: float = 0.0) -> None:
        self.origin_s, self._rng, self._spread_s = origin_s, rng, spread_s
        self.polls: list[Floats] = []

    def _late(self, count: int) -> Floats:
        return np.minimum(self._rng.exponential(LATE_S, count), LATEST_S)

    def burst(self, now_s: float, seconds: float, done_s: float = math.inf) -> float:
        """Poll every 5 ms for `seconds`, or until the work is done; the first poll is immediate."""
        steps = np.full(max(math.ceil(seconds / BURST_PERIOD_S - 1e-6), 0) + 1, BURST_PERIOD_S)
        steps[0] = now_s
        due = np.add.accumulate(steps)
        late = self._late(due.size)
        late[0] = 0.0
        times = due + late
        within = int(np.searchsorted(times[:-1], done_s))
        self.polls.append(times[:within])
        return float(min(times[within], done_s))

    def base(self, now_s: float, done_s: float, until_s: float = math.inf) -> float:
        """Poll at 10 Hz on the spread grid until the work is done, or until a time."""
        first = math.floor((now_s - self.origin_s) / BASE_PERIOD_S)
        last = math.ceil((min(done_s, until_s) - self.origin_s) / BASE_PERIOD_S)
        number = np.arange(first, last + 2)
        moved_s = (number * GOLDEN % 1 - 0.5) * self._spread_s
        due = self.origin_s + number * BASE_PERIOD_S + moved_s
        due = due[due > now_s]
        count = int((due < until_s).sum())
        times = due[:count] + self._late(due.size)[:count]
        times = times[times < done_s]
        self.polls.append(times)
        return max(now_s, min(done_s, until_s), float(times[-1]) if times.size else now_s)


def schedule(
    durations_s: Floats,
    edge: float,
    stagger: Stagger | None,
    rng: np.random.Generator,
    outside_s: float = 0.0,
    spread_s: float = 0.0,
) -> Schedule:
    """The polls of a `run` with repeats of these durations, from virtual time 0.

    outside_s  time polled before and after a repeat, for a sensor that averages over several
               periods
    spread_s   polls outside bursts are spread by so much, as those of counters are
    """
    poller = Poller(0.0, rng, spread_s)
    now = poller.base(0.0, LEAD_S * rng.uniform(0.5, 1.5))
    starts, ends = [], []
    for number, seconds in enumerate(durations_s.tolist()):
        begins, noticed, check = (rng.random(3) * (NOTICE_S, NOTICE_S, CHECK_S)).tolist()
        now = poller.base(now, now + outside_s) if outside_s else now
        now = approach(poller, now, number, edge, stagger)
        start = now + begins
        end = start + seconds
        starts.append(start)
        ends.append(end)
        now = poller.burst(now, edge, end + noticed)
        now = poller.base(now, end + noticed) if now < end + noticed else now
        now = poller.burst(now, edge)
        now = poller.base(now, now + outside_s) if outside_s else now
        now = poller.base(now, now + check)
    return Schedule(np.concatenate(poller.polls), np.array(starts), np.array(ends))


def approach(
    poller: Poller, now: float, number: int, edge: float, stagger: Stagger | None
) -> float:
    """Poll fast up to the start of repeat `number`. Starts are spread over the period of a
    part-time sensor.
    """
    if stagger is None:
        return poller.burst(now, edge * (1 + (number * GOLDEN) % 1 / 2))
    now = poller.burst(now, edge)
    start_s = stagger.start_s(number, now + 2 * BURST_PERIOD_S)
    now = poller.burst(now, start_s - now - 2 * BURST_PERIOD_S)
    return poller.base(now, math.inf, start_s)
