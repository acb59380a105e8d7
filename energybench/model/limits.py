"""What a device reaches at most, as measured, and how near to that a run came (its roofline)."""

from __future__ import annotations

from typing import Literal

from energybench.model.base import Noun, Positive
from energybench.model.values import Estimate

LimitName = Literal["read", "fp64", "fp32", "bf16"]
Binding = Literal["bandwidth", "arithmetic"]


class Limit(Noun, frozen=True, kw_only=True):
    """One limit: bytes read from memory a second, or operations of a matrix product in one format a
    second.
    """

    name: LimitName
    runs: tuple[Positive, ...]  # of each try, in their order; B/s of "read", else flop/s
    how: str  # kernel and size that were the fastest here, in words

    @property
    def best(self) -> float:
        return max(self.runs)

    @property
    def middle(self) -> float:
        """Median of the tries (the lower one of two): what the machine gave half of the time."""
        return sorted(self.runs)[(len(self.runs) - 1) // 2]


class DeviceLimits(Noun, frozen=True, kw_only=True):
    """The limits of one device: all CPUs of a host together ("cpu"), or one board by its UUID.

    They hold for what is stated here.
    """

    device: str
    name: str  # of the processor or board
    host: str
    driver: str | None = None
    clocks: str | None = None
    threads: int | None = None  # that a CPU's kernels ran on
    torch: str | None = None
    limits: tuple[Limit, ...]
    notes: tuple[str, ...] = ()
    made_utc: str

    def of(self, name: str | None) -> Limit | None:
        """The limit of that name; None where it was not measured."""
        return next((limit for limit in self.limits if limit.name == name), None)


class Roofline(Noun, frozen=True, kw_only=True):
    """A run beside its device's limits (Williams et al., CACM 52, 2009). None: cannot be told, of
    what the work does not count or nobody measured.

    Times are those of whole repeats, transfers included. A limit's interval reaches from its best
    try down to its median.
    """

    device: str | None = None  # whose limits these are; None: no limits are known
    name: str | None = None
    made_utc: str | None = None
    arithmetic: str | None = None  # whose rate is the peak; None: the work does not state it
    bandwidth_byte_per_s: Estimate | None = None
    rate_flop_per_s: Estimate | None = None  # the matrix rate in that format
    byte_per_s: Estimate | None = None  # achieved
    flop_per_s: Estimate | None = None
    intensity_flop_per_byte: float | None = None  # of the algorithm: counted, and so exact
    bound_flop_per_s: Estimate | None = None  # min(rate, intensity x bandwidth)
    binds: Binding | None = None
    share_of_bandwidth: Estimate | None = None
    share_of_rate: Estimate | None = None
    share: Estimate | None = None  # of the limit that binds
    energy_per_flop_j: Estimate | None = None
    energy_per_byte_j: Estimate | None = None
