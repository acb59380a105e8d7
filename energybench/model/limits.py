"""Measured limits of a device, and the roofline of a run: how near the run came to the limits."""

from __future__ import annotations

from typing import Literal

from energybench.model.base import Noun, Positive
from energybench.model.values import Estimate

LimitName = Literal["read", "fp64", "fp32", "bf16"]
Binding = Literal["bandwidth", "arithmetic"]


class Limit(Noun, frozen=True, kw_only=True):
    """A limit: the memory bandwidth for reading, or the rate of a matrix product in a format.

    runs  the rate of each try, in the order of the tries: B/s for "read", else flop/s
    how   kernel and size that were the fastest on this device, in words
    note  possible cause of too low a limit, in words; "" without a cause
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
    """The limits of a device, with their conditions.

    device    "cpu" for all CPUs of a host together, or the UUID of a board
    name      name of the processor or board
    host      name of the machine, for people
    host_ids  identities of the machine, as Host.identities; empty in limits of older versions
    threads   number of threads of the kernels on a CPU
    notes     possible causes of too low a limit, with a remedy; a limit holds its own note
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
        """The limit with this name; None if not measured."""
        return next((limit for limit in self.limits if limit.name == name), None)


class Roofline(Noun, frozen=True, kw_only=True):
    """A run beside the limits of its device (Williams et al., CACM 52, 2009).

    A quantity that was not counted or not measured is None. Times are times of whole repeats,
    including transfers. The interval of a limit reaches from its best try down to its median.

    device                   device of the limits; None without known limits
    arithmetic               format of the arithmetic, whose matrix rate is the peak
    bandwidth_byte_per_s     limit of the memory bandwidth
    rate_flop_per_s          limit of the matrix rate in that format
    byte_per_s, flop_per_s   rates achieved by the run
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
