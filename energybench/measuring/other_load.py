"""Charges repeats with foreign work.

A repeat is charged with the slices inside the repeat; the CPU time of a slice is shared out evenly
over the time between the two looks.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from energybench.measuring.neighbours import Slice
from energybench.measuring.processes import Who
from energybench.model import OtherLoad

CPU = "cpu"
UNATTRIBUTED, STOLEN = "unattributed", "other virtual machines"
# Least named load, in cores and as a share of the cores. Below 5 % of a core live the
# system's own daemons; on a large node a daemon on every core stays under 1 % of the cores. A
# judgement.
LEAST_CORES, LEAST_SHARE = 0.05, 0.01
# /proc/stat counts whole ticks of the timer, processes the scheduler's clock: a difference for this
# reason alone is not a load. Two ticks a CPU and 2 % of the busy time: in 40 looks of 0.5 s at two
# busy CPUs the difference scattered by 0.02 s around 0 and was 0.06 s once, just as much as
# allowed.
_TICKS_OFF, _SHARE_OFF = 2, 0.02


class Ledger:
    """Slices that are not charged yet, and repeats that wait for their slices.

    A repeat is settled by the first slice that reaches beyond its end.
    """

    def __init__(self) -> None:
        self._open_s: float | None = None  # start of the running repeat
        self._closed: list[tuple[float, float]] = []  # start and end of repeats not settled
        self._slices: list[Slice] = []

    def open(self, start_s: float) -> None:
        self._open_s = start_s

    def close(self, start_s: float, end_s: float) -> None:
        self._open_s = None
        self._closed.append((start_s, end_s))

    def add(self, piece: Slice) -> None:
        """Add a slice; slices no longer needed are forgotten."""
        starts_s = [start_s for start_s, _ in self._closed]
        if self._open_s is not None:
            starts_s.append(self._open_s)
        needed_s = min(starts_s, default=piece.start_s)
        self._slices = [earlier for earlier in self._slices if earlier.end_s > needed_s] + [piece]
        # a long repeat keeps a few slices, not thousands: slices wholly inside are merged
        if not self._closed and len(self._slices) > 2 and self._slices[-3].start_s >= needed_s:
            self._slices[-3:-1] = [_merged(*self._slices[-3:-1])]

    def settled(self, cpus: int, *, last: bool = False) -> list[OtherLoad]:
        """Loads of the repeats ready to be settled; a repeat is settled once. `last`: no further
        slice will come.
        """
        reached_s = float("-inf")
        if last:
            reached_s = float("inf")
        elif self._slices:
            reached_s = self._slices[-1].end_s
        ready = [window for window in self._closed if window[1] <= reached_s]
        self._closed = [window for window in self._closed if window not in ready]
        return [
            load for start_s, end_s in ready for load in others(self._slices, start_s, end_s, cpus)
        ]


@dataclass
class _Charge:
    """Foreign CPU time within a window, s.

    covered_s  time covered by slices
    spent      CPU time by process
    names      newest name of every process: a process may execute a new program
    rest_s     CPU time that no visible process accounts for
    busy_s     CPU time of the machine
    stolen_s   time given to neighbouring virtual machines
    boards     (board, foreign process)
    """

    covered_s: float = 0.0
    spent: dict[Who, float] = field(default_factory=lambda: defaultdict(float))
    names: dict[Who, str] = field(default_factory=dict)
    rest_s: float = 0.0
    busy_s: float = 0.0
    stolen_s: float = 0.0
    boards: set[tuple[str, Who]] = field(default_factory=set)

    def add(self, piece: Slice, inside_s: float) -> None:
        """Add a slice's share inside the window."""
        share = inside_s / (piece.end_s - piece.start_s)
        self.covered_s += inside_s
        self.rest_s += share * piece.rest_s
        self.busy_s += share * piece.busy_s
        self.stolen_s += share * piece.stolen_s
        self.boards |= piece.boards
        for who, seconds in piece.others.items():
            self.spent[who] += share * seconds
            self.names[who] = who.name


def others(slices: Sequence[Slice], start_s: float, end_s: float, cpus: int) -> list[OtherLoad]:
    """Processes that kept more than the least number of cores busy from start to end, the busiest
    first, and foreign processes that were on a board of the work.
    """
    charge = _Charge()
    for piece in slices:
        inside_s = min(piece.end_s, end_s) - max(piece.start_s, start_s)
        if inside_s > 0:
            charge.add(piece, inside_s)
    if charge.covered_s <= 0:
        return []
    rows = [
        *_on_cpus(charge, cpus),
        *(
            (who.name, who.pid, device, 1.0)
            for device, who in sorted(charge.boards, key=lambda pair: (pair[0], pair[1].pid))
        ),
    ]
    return [
        OtherLoad(name=name, pid=pid, device=device, busy=busy, start_s=start_s, end_s=end_s)
        for name, pid, device, busy in rows
    ]


def _on_cpus(charge: _Charge, cpus: int) -> list[tuple[str, int, str, float]]:
    """Name, pid, device and busy cores of the loads on the CPUs, if large enough to name."""
    least = max(LEAST_CORES, LEAST_SHARE * cpus)
    cores = {who: seconds / charge.covered_s for who, seconds in charge.spent.items()}
    named = {who: busy for who, busy in cores.items() if busy > least}
    rows = [
        (charge.names[who], who.pid, CPU, busy)
        for who, busy in sorted(named.items(), key=lambda pair: -pair[1])
    ]
    # small processes and invisible processes together
    unnamed_s = sum(seconds for who, seconds in charge.spent.items() if who not in named)
    rest = (charge.rest_s + unnamed_s) / charge.covered_s
    off_s = _TICKS_OFF * cpus / os.sysconf("SC_CLK_TCK") + _SHARE_OFF * charge.busy_s
    if rest > least + off_s / charge.covered_s:
        rows.append((UNATTRIBUTED, 0, CPU, rest))
    stolen = charge.stolen_s / charge.covered_s
    if stolen > least:
        rows.append((STOLEN, 0, CPU, stolen))
    return rows


def _merged(first: Slice, second: Slice) -> Slice:
    spent = defaultdict(float, first.others)
    for who, seconds in second.others.items():
        spent[who] += seconds
    return Slice(
        start_s=first.start_s,
        end_s=second.end_s,
        others=dict(spent),
        rest_s=first.rest_s + second.rest_s,
        busy_s=first.busy_s + second.busy_s,
        stolen_s=first.stolen_s + second.stolen_s,
        boards=first.boards | second.boards,
    )
