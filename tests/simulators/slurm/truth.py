"""True power and energy of simulated parts, as a function of time alone.

The waves are those of nvmlsim.c and live_sensors.c, over CLOCK_BOOTTIME: both programs compute the
content of a file or the answer of a call when it is read, so that truth and sensor cannot differ by
a delay of the machine.
"""

from __future__ import annotations

import math
import time
from typing import NamedTuple


class Wave(NamedTuple):
    """A square wave: `high_w` during the first `duty` of each period, then `low_w`."""

    low_w: float
    high_w: float
    period_s: float = 1.0
    duty: float = 1.0

    def energy_j(self, boot_s: float) -> float:
        """Energy from boot until `boot_s`."""
        periods = math.floor(boot_s / self.period_s)
        high_s = self.duty * self.period_s
        high_s = periods * high_s + min(boot_s - periods * self.period_s, high_s)
        return self.high_w * high_s + self.low_w * (boot_s - high_s)

    @property
    def mean_w(self) -> float:
        return self.duty * self.high_w + (1 - self.duty) * self.low_w

    @property
    def text(self) -> str:
        """The wave in the files of nvmlsim.c and live_sensors.c."""
        if self.duty == 1:
            return f"const,{self.high_w}"
        return f"square,{self.low_w},{self.high_w},{self.period_s},{self.duty}"


def constant(power_w: float) -> Wave:
    return Wave(power_w, power_w)


def square(low_w: float, high_w: float, period_s: float, duty: float = 0.5) -> Wave:
    return Wave(low_w, high_w, period_s, duty)


def boot_s(wall_s: float) -> float:
    """CLOCK_BOOTTIME at a time of CLOCK_REALTIME, by the present difference of the two clocks."""
    return wall_s - (time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))
