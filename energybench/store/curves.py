"""The curves of the sensors with summed energies, for charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from energybench.analysis.traces.curve import Curve
from energybench.analysis.traces.trace_curve import curve
from energybench.model import Channel, Trace
from energybench.store.traces import StoredTraces

Line = TypeVar("Line")


def lines_that_count(traces: Sequence[Trace], line_of: Callable[[Curve], Line]) -> list[Line]:
    """A line for each summed channel; if a component has a counter and a power sensor, only the
    counter's line. A single curve at a time is in memory, if `line_of` keeps no curve.

    Sequences that read a trace at each access are read once, and not for channels without a line.
    """
    lines: dict[int, Line] = {}
    counters = set()
    channels = _channels(traces)
    counted = [number for number, channel in enumerate(channels) if channel.counts]
    # the counters first, because they decide about the power sensors
    for number in sorted(counted, key=lambda number: channels[number].kind != "counter"):
        part = channels[number].device, channels[number].component
        if channels[number].kind != "counter" and part in counters:
            continue
        trace = traces[number]
        energy = curve(trace) if trace.ok.any() else None
        del trace  # of a long run much memory
        if energy is None:
            continue
        lines[number] = line_of(energy)
        if channels[number].kind == "counter":
            counters.add(part)
    return [lines[number] for number in sorted(lines)]


def _channels(traces: Sequence[Trace]) -> Sequence[Channel]:
    if isinstance(traces, StoredTraces):
        return traces.channels
    return [trace.channel for trace in traces]
