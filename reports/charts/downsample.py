"""Long series made short enough to draw without losing a peak, a trough or a gap. Pure."""

from __future__ import annotations

from collections.abc import Sequence

LIMIT = 2000  # points a series; a chart is about a thousand pixels wide


def thin(
    t_s: Sequence[float], power_w: Sequence[float | None], limit: int = LIMIT
) -> list[tuple[float, float | None]]:
    """At most `limit` points.

    Each stretch of time keeps its lowest and its highest reading and, where it has one, its first
    gap.
    """
    n = len(t_s)
    if n <= limit:
        return list(zip(t_s, power_w, strict=True))
    stretches = max(limit // 3, 1)
    kept: list[tuple[float, float | None]] = []
    for k in range(stretches):
        indices = range(k * n // stretches, (k + 1) * n // stretches)
        read = [(watt, i) for i in indices if (watt := power_w[i]) is not None]
        gap = next((i for i in indices if power_w[i] is None), None)
        chosen = {min(read)[1], max(read)[1]} if read else set()
        kept += [
            (t_s[i], power_w[i]) for i in sorted(chosen | ({gap} if gap is not None else set()))
        ]
    return kept
