"""The step in which a meter's values come, if the values themselves show one that is coarser than
their last digit: 50 W, or tenths of an ampere at 230 V.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

# Chance that values without such a step are all multiples of one, below which the step is evident.
# Values of a real load fall on all digits alike.
_CHANCE = 1e-3
# A meter with several ranges may have a coarser step for its larger readings.
_LOAD = Decimal("0.5")


def evident_step(numbers: Sequence[Decimal], digit: Decimal) -> Decimal | None:
    """The coarsest step that the values, or those of at least half of the largest, show, in their
    own unit; None if they show none that is coarser than the digit.
    """
    counts = {int((number / digit).to_integral_value()) for number in numbers if number > 0}
    largest = max(counts, default=0)
    found = max(_common_step(counts), _common_step({n for n in counts if n >= _LOAD * largest}))
    return digit * found if found > 1 else None


def _common_step(counts: set[int]) -> int:
    """The largest common divisor of distinct whole counts, if it is no chance; else 1.

    k whole numbers have a common divisor of at least g with a probability of at most
    1/g^k + 1/(g+1)^k + …, which is about 1/((k - 1)·g^(k-1)).
    """
    step, k = math.gcd(*counts), len(counts)
    if step < 2 or k < 2:
        return 1
    return step if -(k - 1) * math.log(step) - math.log(k - 1) < math.log(_CHANCE) else 1
