"""The square wave of a calibration: long phases for the levels, then phases of ever new lengths for
window and lag.

A sensor that publishes every T sees an edge at a random phase of T. Lengths from two golden-ratio
sequences share no common measure with any T, so that the edges fall evenly over its phase (SC24,
arXiv 2312.02741, spreads its start delays alike).
"""

from __future__ import annotations

from typing import NamedTuple

SHORTEST_S = 8.0  # about ten edges: fewer do not tell window from lag
_LEAD_S = 1.0  # off before the first edge: as long as the longest average documented
_TIGHT_S = 0.5  # the last on-phase, polled as fast as possible for fast sensors
# shortest phase, and spread of the lengths: over two periods of a 100 ms sensor, under half of a
# 1 s average, so that both kinds of sensors are tried
_LEAST_S, _SPAN_S = 0.23, 0.40
# the most even fractions for one and for two sequences (R1, R2: Roberts 2018)
_GOLDEN, _PLASTIC = 0.6180339887, 0.7548776662

Phase = tuple[float, float]  # from, to, on CLOCK_MONOTONIC


class LoadWave(NamedTuple):
    """on: phases with the load on. tight: phase polled as fast as possible. end_s: end of the
    recording.
    """

    on: tuple[Phase, ...]
    tight: Phase
    end_s: float


def wave(start_s: float, seconds: float) -> LoadWave:
    """A wave of this length, from start_s."""
    level_s = min(2.0, seconds / 12)
    t = start_s + _LEAD_S
    on = [(t, t + level_s)]
    t += 1.8 * level_s
    last_s = start_s + seconds - 2 * _TIGHT_S
    k = 0
    while True:
        k += 1
        up, down = (_LEAST_S + _SPAN_S * (k * step % 1) for step in (_GOLDEN, _PLASTIC))
        if t + up + down > last_s:
            break
        on.append((t, t + up))
        t += up + down
    on.append((last_s, last_s + _TIGHT_S))
    return LoadWave(tuple(on), on[-1], start_s + seconds)
