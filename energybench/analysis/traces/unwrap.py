"""From raw counts of a counter to joules that only grow, saying what the correction cannot know.

A difference shows that a counter wrapped, never how often; a failed read is no wrap; a reading that
no real power explains is dropped; a counter that starts anew (driver reloaded) leaves a gap whose
energy nobody knows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.model import Trace

_DEFAULT_PERIOD_S = (
    0.1  # of a counter whose update period is not known: the longest seen on data-centre boards
)
_RESET_AFTER = (
    3  # implausible readings in a row, agreeing with each other, are a counter that started anew
)


class Span(NamedTuple):
    """A stretch of time with something to say about it. extra_j: how much more energy it may hold;
    None: not known at all.
    """

    start_s: float
    end_s: float
    extra_j: float | None


class Counter(NamedTuple):
    """An unwrapped counter.

    Shapes [n]: time of each good reading, joules since the first of them.
    """

    t_s: npt.NDArray[np.float64]
    energy_j: npt.NDArray[np.float64]
    wraps: int
    dropped: int  # readings that no real power explains
    ambiguous: tuple[Span, ...]  # gaps long enough to hide further wraps
    resets: tuple[Span, ...]  # the counter started anew somewhere in here


def unwrap(trace: Trace) -> Counter:
    """Unwrap one counter trace.

    Failed reads (`ok` False) are passed over; the next good one is taken against the last good one.
    """
    channel = trace.channel
    t_all, raw_all = trace.t_s[trace.ok], trace.raw[trace.ok]
    steps = np.diff(raw_all)
    slack_s = 2 * (channel.update_period_s or _DEFAULT_PERIOD_S)
    if not _needs_care(steps, np.diff(t_all), channel.max_power_w, channel.resolution, slack_s):
        joules = (raw_all - raw_all[0]) * channel.resolution if raw_all.size else np.empty(0)
        return Counter(
            t_all, np.asarray(joules, dtype=np.float64), 0, 0, _hidden_wraps(trace, t_all), ()
        )
    return _walk(trace, t_all, raw_all, slack_s)


def _needs_care(
    steps: npt.NDArray[np.int64],
    gaps_s: npt.NDArray[np.float64],
    max_power_w: float | None,
    resolution: float,
    slack_s: float,
) -> bool:
    if (steps < 0).any():
        return True
    return max_power_w is not None and bool(
        (steps * resolution > max_power_w * (gaps_s + slack_s)).any()
    )


def _walk(
    trace: Trace, t_all: npt.NDArray[np.float64], raw_all: npt.NDArray[np.int64], slack_s: float
) -> Counter:
    channel = trace.channel
    limit_w = channel.max_power_w
    t_s, energy_j = [float(t_all[0])], [0.0]
    last, wraps, dropped, resets = int(raw_all[0]), 0, 0, []
    odd: list[tuple[float, int]] = []  # implausible readings since the last good one

    def step_j(frm: int, to: int, gap_s: float) -> tuple[float, int] | None:
        """Joules and wraps between two readings, None where no real power explains them."""
        counts, wrapped = to - frm, 0
        if counts < 0:
            if channel.wrap is None:
                return None
            counts, wrapped = counts + channel.wrap, 1
        joules = counts * channel.resolution
        if counts < 0 or (limit_w is not None and joules > limit_w * (gap_s + slack_s)):
            return None
        return joules, wrapped

    for t, raw in zip(t_all[1:].tolist(), raw_all[1:].tolist(), strict=True):
        found = step_j(last, raw, t - t_s[-1])
        if found is None:
            if odd and step_j(odd[-1][1], raw, t - odd[-1][0]) is None:
                dropped += len(odd)
                odd = []
            odd.append((t, raw))
            if len(odd) < _RESET_AFTER:
                continue
            resets.append(Span(t_s[-1], odd[0][0], None))
            base = energy_j[-1]
            t_s.append(odd[0][0])
            energy_j.append(base)
            last = odd[0][1]
            for t_odd, raw_odd in odd[1:]:
                joules, wrapped = step_j(last, raw_odd, t_odd - t_s[-1]) or (0.0, 0)
                t_s.append(t_odd)
                energy_j.append(energy_j[-1] + joules)
                last, wraps = raw_odd, wraps + wrapped
            odd = []
            continue
        dropped += len(odd)
        odd = []
        t_s.append(t)
        energy_j.append(energy_j[-1] + found[0])
        last, wraps = raw, wraps + found[1]
    good_t = np.array(t_s)
    return Counter(
        good_t,
        np.array(energy_j),
        wraps,
        dropped + len(odd),
        _hidden_wraps(trace, good_t),
        tuple(resets),
    )


def _hidden_wraps(trace: Trace, t_s: npt.NDArray[np.float64]) -> tuple[Span, ...]:
    """Gaps in which the counter could have gone round once more than its difference shows."""
    channel = trace.channel
    if channel.wrap is None or channel.max_power_w is None:
        return ()
    wrap_j = channel.wrap * channel.resolution
    gaps = np.diff(t_s)
    hidden = np.floor(gaps * channel.max_power_w / wrap_j)
    return tuple(
        Span(float(t_s[i]), float(t_s[i + 1]), float(hidden[i]) * wrap_j)
        for i in np.flatnonzero(hidden >= 1)
    )
