"""Power waveforms whose energy is known in closed form: the truth behind a synthetic sensor.

energy_j(t) is the exact integral of power_w from time 0, negative before time 0.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from typing import Protocol


class Wave(Protocol):
    """Power over time, s → W, and its integral from 0, s → J."""

    def power_w(self, t_s: float) -> float: ...

    def energy_j(self, t_s: float) -> float: ...


class Const:
    """A constant power."""

    def __init__(self, watts: float) -> None:
        self._watts = watts

    def power_w(self, t_s: float) -> float:
        return self._watts

    def energy_j(self, t_s: float) -> float:
        return self._watts * t_s


class Square:
    """`high_w` for the first `duty` of each period, `low_w` for the rest; a period starts at 0."""

    def __init__(self, low_w: float, high_w: float, period_s: float, duty: float = 0.5) -> None:
        self._low_w, self._high_w = low_w, high_w
        self._period_s, self._on_s = period_s, duty * period_s

    def power_w(self, t_s: float) -> float:
        rest_s = t_s - math.floor(t_s / self._period_s) * self._period_s
        return self._high_w if rest_s < self._on_s else self._low_w

    def energy_j(self, t_s: float) -> float:
        periods = math.floor(t_s / self._period_s)
        rest_s = t_s - periods * self._period_s
        high_s = periods * self._on_s + min(rest_s, self._on_s)
        return self._high_w * high_s + self._low_w * (t_s - high_s)


class Sine:
    """mean + amplitude * sin(2 pi t / period)."""

    def __init__(self, mean_w: float, amplitude_w: float, period_s: float) -> None:
        self._mean_w, self._amplitude_w, self._omega = mean_w, amplitude_w, 2 * math.pi / period_s

    def power_w(self, t_s: float) -> float:
        return self._mean_w + self._amplitude_w * math.sin(self._omega * t_s)

    def energy_j(self, t_s: float) -> float:
        return self._mean_w * t_s + self._amplitude_w / self._omega * (
            1 - math.cos(self._omega * t_s)
        )


class Steps:
    """Steps (time, W): a power holds from its time to the next time.

    Times ascend strictly; the first power also holds before the first time.
    """

    def __init__(self, steps: Sequence[tuple[float, float]]) -> None:
        self._t_s = [t_s for t_s, _ in steps]
        self._watts = [watts for _, watts in steps]
        since_first_j = [0.0]
        for i in range(1, len(steps)):
            since_first_j.append(
                since_first_j[-1] + self._watts[i - 1] * (self._t_s[i] - self._t_s[i - 1])
            )
        self._since_first_j = since_first_j
        self._at_zero_j = self._integral_j(0.0)

    def power_w(self, t_s: float) -> float:
        return self._watts[max(0, bisect.bisect_right(self._t_s, t_s) - 1)]

    def energy_j(self, t_s: float) -> float:
        return self._integral_j(t_s) - self._at_zero_j

    def _integral_j(self, t_s: float) -> float:
        i = max(0, bisect.bisect_right(self._t_s, t_s) - 1)
        return self._since_first_j[i] + self._watts[i] * (t_s - self._t_s[i])
