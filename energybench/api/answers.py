"""The answers of a block, from its result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energybench.api.results import Result
    from energybench.model import Doubt, Estimate, Measurement


class Answers(ABC):
    """The numbers of an awaited result."""

    @abstractmethod
    def result(self) -> Result:
        """The result, waited for."""

    @property
    def measurement(self) -> Measurement | None:
        """The whole result; None: not measured."""
        return self.result().measurement

    @property
    def energy_j(self) -> Estimate | None:
        """Energy of the block with its interval, J; None: not measured."""
        return self.result().energy_j

    @property
    def power_w(self) -> Estimate | None:
        """Mean power, W; None: not measured."""
        return self.result().power_w

    @property
    def time_s(self) -> Estimate | None:
        """Time of the block, s; None: not measured."""
        return self.result().time_s

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Doubts about the result, or the reason for a missing result."""
        return self.result().doubts

    def flat(self) -> dict[str, float]:
        """The numbers of the result by name, for loggers."""
        return self.result().flat()
