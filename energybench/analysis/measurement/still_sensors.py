"""Doubts about sensors with a single value in all readings: stuck sensors, and counters that update
too seldom for a short run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from energybench.analysis.traces.slow_updates import SLOWEST_S
from energybench.analysis.uncertainty.effect_kinds import place_of
from energybench.model import Doubt, Trace

_STUCK = 20  # readings without any change; the last digits of a real sensor change
_UPDATES = 3  # least number in a repeat for an energy


def of_still(traces: Sequence[Trace], counted: Collection[str]) -> list[Doubt]:
    """Doubts about sensors whose value never changed, zero included.

    counted  ids of the counted channels
    """
    doubts = []
    for trace in traces:
        raw, t_s, channel = trace.raw[trace.ok], trace.t_s[trace.ok], trace.channel
        if channel.quality != "measured" or raw.size < 2 or (raw != raw[0]).any():
            continue
        read_s = float(t_s[-1] - t_s[0])
        failed = trace.raw.size - raw.size
        # A counter that was read for less than the slowest update may be slow, or may be stuck.
        if channel.kind == "counter" and read_s < SLOWEST_S:
            if channel.id in counted and failed < raw.size:
                doubts.append(_slow(trace, read_s))
        elif raw.size >= _STUCK:
            doubts.append(_stuck(trace, int(raw[0]), raw.size))
    return doubts


def _slow(trace: Trace, read_s: float) -> Doubt:
    channel = trace.channel
    name = place_of(channel).words
    stated = f" ({channel.update_period_s:.3g} s)" if channel.update_period_s else ""
    return Doubt(
        code="counter-slow",
        message=f"the counter of {name} showed no new value in the {read_s:.2g} s for which it was "
        f"read: it updates more slowly than stated{stated}, as in many virtual machines (about "
        "once a second), or it stands still",
        remedy=f"repeats of {_UPDATES * SLOWEST_S:.3g} s or more, which hold {_UPDATES} updates of "
        f"the slowest such counters ({SLOWEST_S:.3g} s)",
        subject=name,
    )


def _stuck(trace: Trace, raw: int, readings: int) -> Doubt:
    channel = trace.channel
    sensor, unit = ("counter", "J") if channel.kind == "counter" else ("sensor", "W")
    name = f"{channel.collector} {place_of(channel).words}"
    quantity = channel.quantity or channel.kind
    value = raw * channel.resolution
    return Doubt(
        code="stuck-sensor",
        message=f"the {sensor} {name} ({quantity}) showed {value:.6g} {unit} in each of "
        f"its {readings} readings",
        remedy="check whether the driver or firmware feeds the sensor; calibrate shows it "
        "under load",
        subject=channel.id,
    )
