"""When to stop repeating: after a stated number of repeats, or once the scatter is small enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from energybench.analysis.uncertainty.repeats import relative_half_width, wants_more
from energybench.measuring.plan import MAX_REPEATS, TARGET_REL
from energybench.model import DoubtCode


class StopsByScatter(Protocol):
    """A run whose repeats end once their scatter is small enough."""

    def repeats_j(self) -> Sequence[float]:
        """Energies of the finished repeats, J, or their durations, s, if no sensor measures."""

    def doubt(self, code: DoubtCode, message: str, remedy: str) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopping:
    """The stopping rule of a run. The rule looks at the scatter alone; energy missed by a part-time
    sensor is in the scatter too.

    repeats      number of repeats; None: at least 8, until `target_rel` or `max_repeats` is reached
    target_rel   half-width of the scatter's 95 % interval to stop at, relative to the mean
    max_repeats  number of repeats to stop at in any case
    """

    repeats: int | None = None
    target_rel: float = TARGET_REL
    max_repeats: int = MAX_REPEATS

    @property
    def at_most(self) -> int:
        return self.max_repeats if self.repeats is None else self.repeats

    def wants_more(self, run: StopsByScatter, complete: int) -> bool:
        """Whether a further repeat is wanted after `complete` repeats. A missed target is a doubt
        of the run.
        """
        if self.repeats is not None:
            return complete < self.repeats
        energies = run.repeats_j() if complete else []
        if wants_more(energies, self.target_rel, self.max_repeats):
            return True
        reached = relative_half_width(energies)
        if reached is not None and reached > self.target_rel:
            message = (
                f"after {complete} repeats the scatter's half-width is {reached:.1%}, over the "
                f"{self.target_rel:.1%} asked for"
            )
            run.doubt("target-missed", message, "--max-repeats higher, or a quieter machine")
        return False
