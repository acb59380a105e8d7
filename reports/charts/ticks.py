"""Places of the labels on axes."""

from __future__ import annotations

import math

_FINEST = 2000  # steps of the time axis that a screen can show
_WIDE = 3.0  # decades from which an axis has labels at powers of ten only
_HOUR_S, _MINUTE_S = 3600.0, 60.0


def logarithmic(low: float, high: float) -> list[float]:
    """Labels of a logarithmic axis: 1, 2 and 5 times the powers of ten, or the powers alone on an
    axis over many.
    """
    steps = (1,) if math.log10(high / low) >= _WIDE else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    places = [float(f"{step}e{power}") for power in powers for step in steps]
    return [place for place in places if low <= place <= high]


def of_time(end_s: float) -> tuple[float, str]:
    """The unit of an axis that ends at `end_s`, in seconds and in words."""
    if end_s >= 3 * _HOUR_S:
        return _HOUR_S, "hours"
    if end_s >= 10 * _MINUTE_S:
        return _MINUTE_S, "minutes"
    return 1.0, "seconds"


def places(span: float) -> int:
    """Decimal places of a time on an axis of this span, as fine as a screen shows."""
    return max(math.ceil(-math.log10(span / _FINEST)), 0) if span > 0 else 2
