"""Measured limits of a device, and the roofline of a run: how near the run came to the limits."""

from __future__ import annotations

from typing import Literal

from energybench.model.base import Noun, Positive
from energybench.model.values import Estimate

LimitName = Literal["read", "fp64", "fp32", "bf16"]
Binding = Literal["bandwidth", "arithmetic"]


class Limit(Noun, frozen=True, kw_only=True):
    """One limit: the memory bandwidth for reading, or the rate of a matrix product in one format.

    runs  the rate of each try, in the order of the tries: B/s for "read", else flop/s
    how   kernel and size that were the fastest on this device, in words
    note  what may have made the limit too low, in words; "" if nothing was noticed
    """

    name: LimitName
    runs: tuple[Positive, ...]
    how: str
    note: str = ""

    @property
    def best(self) -> float:
        return max(self.runs)

    @property
    def middle(self) -> float:
        """Median of the tries; the lower of the two middle tries if their number is even."""
        return sorted(self.runs)[(len(self.runs) - 1) // 2]


class DeviceLimits(Noun, frozen=True, kw_only=True):
    """The limits of one device, under the conditions that stand beside them.

    device    "cpu" for all CPUs of a host together, or the UUID of a board
    name      name of the processor or board
    host      name of the machine, for people
    host_ids  identities of the machine, as Host.identities; empty in limits of older versions
    threads   number of threads of the kernels on a CPU
    notes     what may have made a limit too low, with a remedy; a limit holds its own note
    """

    device: str
    name: str
    host: str
    host_ids: tuple[str, ...] = ()
    driver: str | None = None
    clocks: str | None = None
    threads: int | None = None
    torch: str | None = None
    limits: tuple[Limit, ...]
    notes: tuple[str, ...] = ()
    made_utc: str

    def of(self, name: str | None) -> Limit | None:
        """The limit with this name; None if it was not measured."""
        return next((limit for limit in self.limits if limit.name == name), None)


class Roofline(Noun, frozen=True, kw_only=True):
    """A run beside the limits of its device (Williams et al., CACM 52, 2009).

    A quantity that the work does not count, or that nobody measured, is None. Times are those of
    whole repeats, transfers included. The interval of a limit reaches from its best try down to its
    median.

    device                   device of the limits; None if no limits are known
    arithmetic               format of the arithmetic, whose matrix rate is the peak
    bandwidth_byte_per_s     limit of the memory bandwidth
    rate_flop_per_s          limit of the matrix rate in that format
    byte_per_s, flop_per_s   rates that the run achieved
    intensity_flop_per_byte  counted by the algorithm, and therefore exact
    bound_flop_per_s         min(rate, intensity x bandwidth)
    binds                    the limit that binds
    share                    share of the limit that binds
    """

    device: str | None = None
    name: str | None = None
    made_utc: str | None = None
    arithmetic: str | None = None
    bandwidth_byte_per_s: Estimate | None = None
    rate_flop_per_s: Estimate | None = None
    byte_per_s: Estimate | None = None
    flop_per_s: Estimate | None = None
    intensity_flop_per_byte: float | None = None
    bound_flop_per_s: Estimate | None = None
    binds: Binding | None = None
    share_of_bandwidth: Estimate | None = None
    share_of_rate: Estimate | None = None
    share: Estimate | None = None
    energy_per_flop_j: Estimate | None = None
    energy_per_byte_j: Estimate | None = None
