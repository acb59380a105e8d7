"""Make a long series short enough to draw without losing a peak, a trough or a gap. Pure."""

from __future__ import annotations

from collections.abc import Sequence

LIMIT = 2000  # points of a series; a chart is about a thousand pixels wide


def thin(
    t_s: Sequence[float], power_w: Sequence[float | None], limit: int = LIMIT
) -> list[tuple[float, float | None]]:
    """At most `limit` points.

    Each stretch of time keeps the lowest reading, the highest reading and the first gap, if there
    is a gap.
    """
    n = len(t_s)
    if n <= limit:
        return list(zip(t_s, power_w, strict=True))
    stretches = max(limit // 3, 1)
    points: list[tuple[float, float | None]] = []
    for k in range(stretches):
        indices = range(k * n // stretches, (k + 1) * n // stretches)
        readings = [(watt, i) for i in indices if (watt := power_w[i]) is not None]
        chosen = {min(readings)[1], max(readings)[1]} if readings else set()
        gap = next((i for i in indices if power_w[i] is None), None)
        if gap is not None:
            chosen.add(gap)
        points += [(t_s[i], power_w[i]) for i in sorted(chosen)]
    return points
