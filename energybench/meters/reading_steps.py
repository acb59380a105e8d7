"""The step between a meter's possible values, if the values show a step that is coarser than the
last digit: 50 W, tenths of an ampere at 230 V, or a counter that counts every 10 Wh.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

# A step is evident if values without a step would be multiples of the step with less than this
# probability. Values of a real load fall on every digit with equal probability.
_CHANCE = 1e-3
# A meter with several ranges may have a coarser step for its larger readings.
_LOAD = Decimal("0.5")
# Limits for multiples that were rounded: fewest values, and fewest counts in a step; most steps in
# the smallest difference; and half a count, with an allowance for the error of a fitted step.
_FEWEST, _STEPS, _HALF = 4, 3, 0.6


def evident_step(numbers: Sequence[Decimal], digit: Decimal) -> Decimal | None:
    """The coarsest step that the values show, or that the values above half of the largest value
    show, in the unit of the values; None if the values show no step coarser than the digit.
    """
    counts = {int((number / digit).to_integral_value()) for number in numbers if number > 0}
    largest = max(counts, default=0)
    coarsest_step = 1.0
    for some in (counts, {n for n in counts if n >= _LOAD * largest}):
        coarsest_step = max(coarsest_step, _common_step(some), _rounded_step(some))
    return digit * Decimal(coarsest_step) if coarsest_step > 1 else None


def counted_step(numbers: Sequence[Decimal], digit: Decimal) -> Decimal:
    """The step of a counter, in the counter's unit: the digit, or a coarser step. The differences
    of the counter's values are multiples of the step.

    The counter may have begun between two multiples of the step.
    """
    first = min(numbers)
    counts = {int(((number - first) / digit).to_integral_value()) for number in numbers}
    if len(counts) < _FEWEST:
        return digit
    return digit * Decimal(max(_common_step(counts), _rounded_step(counts)))


def _common_step(counts: set[int]) -> int:
    """The largest common divisor of distinct whole counts; 1 if the divisor may be chance.

    k whole numbers have a common divisor of at least g with a probability of at most
    1/g^k + 1/(g+1)^k + …, which is about 1/((k - 1)·g^(k-1)).
    """
    step, k = math.gcd(*counts), len(counts)
    if step < 2 or k < 2:
        return 1
    return step if -(k - 1) * math.log(step) - math.log(k - 1) < math.log(_CHANCE) else 1


def _rounded_step(counts: set[int]) -> float:
    """The step if the counts are multiples of a step, rounded to whole counts, as the power of
    0.1 A at 117.3 V is; 1 if no step fits, or if the step may be chance.

    The smallest difference of two counts is a step, or a few steps. A count lies within half a
    count of a multiple of g with a probability of 1/g.
    """
    ordered, k = sorted(counts), len(counts)
    if k < _FEWEST:
        return 1.0
    smallest = min(b - a for a, b in pairwise(ordered))
    for steps in range(1, _STEPS + 1):
        step, products, squares = smallest / steps, 0.0, 0.0
        if step < _FEWEST:
            break
        # from the smallest count on, every multiple makes the step more exact
        for count in ordered:
            times = round(count / step)
            products, squares = products + times * count, squares + times**2
            step = products / squares if squares else step
        fits = all(abs(count - round(count / step) * step) <= _HALF for count in ordered)
        tried = _STEPS * (k - 1)
        if fits and math.log(tried) - (k - 1) * math.log(step) < math.log(_CHANCE):
            return step
    return 1.0
