"""How the answers of a projection follow from single inputs."""

from __future__ import annotations

from typing import Literal

from energybench.model.base import Noun
from energybench.model.evidence import Evidence
from energybench.model.values import Estimate

AnswerName = Literal["saved_mwh_per_month", "saved_cost_per_month", "saved_tco2e_per_month"]


class Swing(Noun, frozen=True, kw_only=True):
    """A bar of a tornado: an answer at both ends of an input's range.

    stated           the range: as the scenario states it, or the 95 % interval of a measured value
    interval_of      how the value behind the interval is known; None for a stated range
    at_low, at_high  the answer with the input at the low and at the high end, others unchanged
    label            words for the input
    unit, input_unit  of the answer, and of the input
    """

    answer: AnswerName
    input: str
    stated: tuple[float, float]
    at_low: float
    at_high: float
    unit: str
    label: str = ""
    input_unit: str = ""
    interval_of: Evidence | None = None


class BreakEven(Noun, frozen=True, kw_only=True):
    """The value of an input with a saving of 0, at unchanged other inputs.

    unit       of the input
    current    the value of the input in the projection
    searched   searched range of the input
    value      the first place in the range, from below, with a saving of 0 or a change of its sign;
               None without such a place
    crossings  number of such places in the search
    jumps      whether the saving jumps over 0 at `value`, because of whole nodes; of a number of
               whole things: whether the saving changes sign from `value` − 1 to `value`
    label      words for the input
    """

    answer: AnswerName
    input: str
    unit: str
    current: float
    searched: tuple[float, float]
    value: float | None
    crossings: int = 0
    jumps: bool = False
    label: str = ""


class FixedQuestion(Noun, frozen=True, kw_only=True):
    """The candidate fleet if a quantity stays as in the baseline.

    fixed     the constant quantity
    answers   the other quantities: (words, estimate or None, unit)
    why       how the question was computed; the reason for a missing answer
    """

    fixed: Literal["nodes", "budget", "power", "performance"]
    answers: tuple[tuple[str, Estimate | None, str], ...]
    why: str = ""


class Sensitivity(Noun, frozen=True, kw_only=True):
    """How the answers follow from single inputs.

    swings       by answer; the swings of an answer by width, the widest first
    questions    () without the fleet model
    """

    swings: tuple[Swing, ...]
    break_evens: tuple[BreakEven, ...]
    questions: tuple[FixedQuestion, ...] = ()
