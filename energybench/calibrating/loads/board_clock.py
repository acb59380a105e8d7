"""When a board was busy, from times on the board's own clock to times on CLOCK_MONOTONIC.

The board stamps the begin and the end of every launch, however late the process learns of them. A
probe is an event on the idle board between two looks at the host's clock. A straight line through
the quickest probe before the load and the quickest after the load translates the stamps: crystals
of board and host differ by up to 100 ppm, 2 ms in 20 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from energybench.calibrating.loads.wave import Phase

# a queue without a gap leaves some microseconds between two launches
_GAP_S = 1e-4


class Launch(NamedTuple):
    """Begin and end on the board's clock; an idle board began up to late_s after begin_s."""

    begin_s: float
    end_s: float
    late_s: float = 0.0


class Probe(NamedTuple):
    """An event on the board's clock, and the host's time before and after the event."""

    board_s: float
    before_s: float
    after_s: float

    @property
    def half_s(self) -> float:
        return (self.after_s - self.before_s) / 2


class Location(NamedTuple):
    """The board's clock on the host's, by two probes."""

    first: Probe
    last: Probe

    @property
    def half_s(self) -> float:
        """Half-width of the interval in which a time of the host lies."""
        return max(self.first.half_s, self.last.half_s)

    def host_s(self, board_s: float) -> float:
        """CLOCK_MONOTONIC at a time of the board."""
        first_s, last_s = (
            self.first.before_s + self.first.half_s,
            self.last.before_s + self.last.half_s,
        )
        rate = (last_s - first_s) / (self.last.board_s - self.first.board_s)
        return first_s + rate * (board_s - self.first.board_s)


def location(before: Sequence[Probe], after: Sequence[Probe]) -> Location:
    """The line through the quickest probe before and the quickest after the load."""
    return Location(
        min(before, key=lambda probe: probe.half_s), min(after, key=lambda probe: probe.half_s)
    )


def host_phases(launches: Sequence[Launch], clock: Location) -> tuple[list[Phase], float]:
    """The phases in which the board was busy, gaps left out, and the standard uncertainty of an
    edge: a rectangle for the clock, and one for the begin of each phase.
    """
    phases: list[Phase] = []
    square_s, last_s = 0.0, float("-inf")
    for launch in launches:
        if phases and launch.begin_s - last_s < _GAP_S:
            phases[-1] = (phases[-1][0], clock.host_s(launch.end_s))
        else:
            phases.append(
                (clock.host_s(launch.begin_s) + launch.late_s / 2, clock.host_s(launch.end_s))
            )
            square_s += launch.late_s**2 / 12
        last_s = launch.end_s
    # every second edge is a begin
    begins = square_s / (2 * max(len(phases), 1))
    return phases, float((clock.half_s**2 / 3 + begins) ** 0.5)
