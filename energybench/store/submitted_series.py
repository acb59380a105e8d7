"""The series that levels 2 and 3 of the EE HPC WG's methodology demand, as tables: averages of
equal length in the core phase, idle power, and the raw readings of each device.

Everything is computed again from the samples of the run.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from energybench.analysis.energy import mean_energy
from energybench.analysis.energy.boundary import Ranges
from energybench.analysis.energy.boundary_parts import tables
from energybench.analysis.measurement.measure import covered
from energybench.analysis.uncertainty.effects import scale
from energybench.errors import BadInput
from energybench.foreign_text import visible
from energybench.model import REPEAT, Estimate, Measurement, Trace, Window
from energybench.store import reader
from energybench.store.recomputed import record_of
from energybench.store.traces import StoredTraces

AVERAGES = "averages.csv"
SUMMARY = "summary.csv"
CHANNELS = "channels.csv"

# A spreadsheet takes a cell for a formula if the cell begins with a character of this list (OWASP,
# CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_UNITS = {"counter": "J", "power": "W"}
_INTERVAL = ("value", "low", "high", "confidence")

_Row = Sequence[str | int | float | None]


class _Clock(NamedTuple):
    """The wall clock of a host at a time of its monotonic clock; None if not recorded."""

    started: datetime | None
    started_s: float

    def utc(self, t_s: float) -> str:
        """The time of day; "" if not recorded."""
        if self.started is None:
            return ""
        moment = self.started + timedelta(seconds=t_s - self.started_s)
        return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def series(
    directory: Path, run: Measurement, ranges: Ranges, count: int, slowest_s: float | None
) -> dict[str, bytes]:
    """The tables of a run by the names of their files.

    count      number of averages in each repeat
    slowest_s  longest time between two readings of a sensor; None if not known
    Raises BadInput for a run without samples, for a job, for a part of a repeat, and for averages
    that are shorter than the time between two readings of a sensor.
    """
    table, header, lines = reader.read_samples(directory)
    record = record_of(run, table, header, lines)
    if run.partial or not record.repeats:
        raise BadInput(
            str(directory), "has no whole repeat, and so no core phase", "repeat the run"
        )
    traces = StoredTraces(table, header.channels)
    clock = _clock(run)
    chosen, curves = covered(record, traces, ranges)
    parts = [
        (number, place, window)
        for number, repeat in enumerate(record.repeats, 1)
        for place, window in enumerate(equal_parts(repeat, count), 1)
    ]
    _refuse_short([window for _, _, window in parts], slowest_s)
    of_parts = tables(chosen, curves, [[window] for _, _, window in parts])
    averages = []
    for (number, place, window), rows in zip(parts, of_parts, strict=True):
        energy_j = mean_energy.gross(rows, 1)
        power_w = None if energy_j is None else scale(energy_j, 1 / window.duration_s)
        times = (window.start_s, window.end_s, clock.utc(window.start_s), clock.utc(window.end_s))
        averages.append((number, place, *times, *_interval(power_w)))
    files = {
        AVERAGES: _csv(_AVERAGES_HEAD, averages),
        SUMMARY: _csv(("quantity", "of", *_INTERVAL, "unit"), _summary(run)),
        CHANNELS: _csv(_CHANNELS_HEAD, (_channel(n, trace) for n, trace in enumerate(traces, 1))),
    }
    for number, trace in enumerate(traces, 1):
        files[_readings_name(number)] = _readings(trace, clock)
    return files


def equal_parts(window: Window, count: int) -> list[Window]:
    """A window in parts of equal length, without a gap."""
    step_s = window.duration_s / count
    edges = [*(window.start_s + step_s * place for place in range(count)), window.end_s]
    return [
        Window(label=REPEAT, start_s=start_s, end_s=end_s)
        for start_s, end_s in itertools.pairwise(edges)
    ]


def _refuse_short(parts: Sequence[Window], slowest_s: float | None) -> None:
    """Raise BadInput if a part is shorter than the time between two readings."""
    shortest_s = min(part.duration_s for part in parts)
    if slowest_s is not None and shortest_s < slowest_s:
        raise BadInput(
            "--series",
            f"averages of {shortest_s:.3g} s are shorter than the {slowest_s:.3g} s between two "
            "readings of the slowest sensor",
            "fewer --averages, or a run with longer repeats",
        )


def _clock(run: Measurement) -> _Clock:
    started_utc, started_s = run.host.started_utc, run.host.started_s
    if started_utc is None or started_s is None:
        return _Clock(None, 0.0)
    try:
        return _Clock(datetime.fromisoformat(started_utc), started_s)
    except ValueError:
        return _Clock(None, 0.0)


def _summary(run: Measurement) -> list[_Row]:
    """Name, boundary, stamps and doubts of the run, then the energy, time and powers."""
    return [
        ("run", run.id, *_interval(None), ""),
        ("label", run.label, *_interval(None), ""),
        ("boundary", run.boundary.name, *_interval(None), ""),
        *(("stamp", stamp.words, *_interval(None), "") for stamp in run.stamps),
        *(("doubt", doubt.code, *_interval(None), "") for doubt in run.doubts),
        ("energy of a repeat", "", *_interval(run.energy_j), "J"),
        ("time of a repeat", "", *_interval(run.time_s), "s"),
        ("mean power", "repeats", *_interval(run.power_w), "W"),
        ("highest power over 1 s", "repeats", *_interval(run.highest_power_w), "W"),
        ("idle power", "all idle phases", *_interval(run.idle_power_w), "W"),
        *(("idle power", idle.state, *_interval(idle.power_w), "W") for idle in run.idles),
    ]


_AVERAGES_HEAD = (
    "repeat",
    "average",
    "start_s",
    "end_s",
    "start_utc",
    "end_utc",
    "power_w",
    "low_w",
    "high_w",
    "confidence",
)
_CHANNELS_HEAD = (
    "file",
    "collector",
    "device",
    "component",
    "quantity",
    "kind",
    "unit",
    "resolution",
    "wraps_at_counts",
    "divide_readings_by",
    "gain_relative_standard_uncertainty",
    "gain_source",
)


def _channel(number: int, trace: Trace) -> _Row:
    channel = trace.channel
    return (
        _readings_name(number),
        channel.collector,
        channel.device,
        channel.component,
        channel.quantity,
        channel.kind,
        _UNITS[channel.kind],
        channel.resolution,
        channel.wrap,
        channel.gain.value,
        channel.gain.u_rel,
        channel.gain.source,
    )


def _readings(trace: Trace, clock: _Clock) -> bytes:
    """Every read of a channel as the sensor gave it. A failed read has an empty cell."""
    resolution = trace.channel.resolution
    reads = zip(trace.t_s.tolist(), trace.raw.tolist(), trace.ok.tolist(), strict=True)
    rows = (
        (t_s, clock.utc(t_s), raw if ok else None, raw * resolution if ok else None)
        for t_s, raw, ok in reads
    )
    return _csv(("t_s", "utc", "counts", _UNITS[trace.channel.kind]), rows)


def _readings_name(number: int) -> str:
    return f"readings-{number:03}.csv"


# ---------------------------------------------------------------- text


def _interval(estimate: Estimate | None) -> _Row:
    if estimate is None:
        return (None,) * len(_INTERVAL)
    return estimate.value, estimate.low, estimate.high, estimate.confidence


def _csv(head: Sequence[str], rows: Iterable[_Row]) -> bytes:
    """A table as in RFC 4180. A number that was not measured is an empty cell."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\r\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return page.getvalue().encode()


def _cell(text: str) -> str:
    """Text on one line that no spreadsheet takes for a formula."""
    shown = " ".join(visible(text).split())
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
