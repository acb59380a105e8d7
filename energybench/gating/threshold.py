"""A threshold as a person writes it: "5%"."""

from __future__ import annotations

import re

from energybench.errors import BadInput

_PERCENT = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))\s*%", re.ASCII)


def threshold_rel(stated: str, where: str = "threshold") -> float:
    """0.05 of "5%". Raises BadInput without a percent sign, and unless 0 < threshold ≤ 100 %."""
    match = _PERCENT.fullmatch(stated.strip())
    if match is None:
        remedy = "above 0 % and at most 100 %, with the sign: write it as 5%"
        raise BadInput(where, f"{stated!r} is not a percentage", remedy)
    percent = float(match[1])
    if not 0 < percent <= 100:
        raise BadInput(where, f"{stated!r} is not above 0 % and at most 100 %", "for example 5%")
    return percent / 100
