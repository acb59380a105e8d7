"""Doubts about an attached meter: the meter's clock, and rows of the meter's file."""

from __future__ import annotations

import math
from collections.abc import Sequence

from energybench.analysis.uncertainty.coverage_factors import Z95
from energybench.meters.attached_run import Meter, Readings
from energybench.meters.clock_offset import Offset, why_unknown
from energybench.meters.readings import LeftOut
from energybench.meters.series import MeterSeries
from energybench.model import Doubt
from energybench.units import counted

_SHOWN = 3  # rows that a doubt names


def of(meter: Meter, readings: Readings) -> tuple[Doubt, ...]:
    """The doubts about a meter whose readings are attached."""
    return (
        _attached_doubt(meter, readings),
        *_offset_doubts(readings.offset, meter),
        *_left_out_doubts(readings),
        *_spike_doubts(readings),
        *_recurring_doubts(readings),
        *_feed_doubts(readings.series),
        *_name_doubts(readings.series),
        *readings.doubts,
    )


def _attached_doubt(meter: Meter, readings: Readings) -> Doubt:
    series, offset = readings.series, readings.offset
    if meter.scope == "node":
        load = "the node, whose energy this is"
    else:
        load = f"board {meter.device}, as a reference beside its own sensor"
    mean = "energy"
    if series.held:
        mean = "power that holds until the next reading,"
    elif series.kind == "power":
        mean = f"power averaged over {readings.averaging_s:.3g} s"
    places = series.places[readings.keep]
    if offset.determined:
        clock = (
            f"{offset.offset_s:+.3f} s ± {Z95 * offset.u_s:.3f} s off (correlation "
            f"{offset.correlation:.3f})"
        )
    else:
        clock = f"is taken as right, ±{offset.u_s * math.sqrt(3):.3g} s"
    return Doubt(
        code="attached",
        message=f"a meter of {load}, was attached from a file: {meter.name} ({series.where}, "
        f"{series.what}, {series.word}s {places[0]}-{places[-1]}), {mean} every "
        f"{readings.spacing_s:.3g} s, limit of error ±{meter.accuracy_rel:.3g}; its clock {clock}",
        remedy="the run it was attached to stands unchanged beside this one",
    )


def _places(readings: Readings) -> tuple[int, int]:
    """The first and the last place in the file whose reading belongs to the run."""
    places = readings.series.places[readings.keep]
    return int(places.min()), int(places.max())


def _left_out_doubts(readings: Readings) -> tuple[Doubt, ...]:
    """The rows of the file during the run that hold no reading."""
    series = readings.series
    first, last = _places(readings)
    rows = [row for row in series.left_out if first - 1 <= row.place <= last + 1]
    if not rows:
        return ()
    kept = series.places[readings.keep].size
    neighbour = "before" if series.held else "after"
    return (
        Doubt(
            code="meter-rows-left-out",
            message=f"{len(rows)} of {len(rows) + kept} rows of {series.where} hold no "
            f"reading and were left out ({_listed(series, rows)})",
            remedy=f"look at the meter and its logger; the reading {neighbour} a row stands for "
            "its time as well",
        ),
    )


def _listed(series: MeterSeries, rows: Sequence[LeftOut]) -> str:
    """The first rows with their reasons, and the number of further rows."""
    shown = "; ".join(f"{series.word} {row.place}: {row.reason}" for row in rows[:_SHOWN])
    return shown + (f"; and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else "")


def _spike_doubts(readings: Readings) -> tuple[Doubt, ...]:
    """Single readings during the run that are far above both neighbours."""
    series = readings.series
    first, last = _places(readings)
    rows = [row for row in series.spikes if first <= row.place <= last]
    if not rows:
        return ()
    return (
        Doubt(
            code="meter-spike",
            message=f"{counted(len(rows), 'reading')} of {series.where}, ten times as high as both "
            f"neighbours, {'counts' if len(rows) == 1 else 'count'} in the energy "
            f"({_listed(series, rows)})",
            remedy="look at the lines: if the meter failed, empty these cells and attach again",
        ),
    )


def _recurring_doubts(readings: Readings) -> tuple[Doubt, ...]:
    """Values that return in the repeats exactly alike, far from the readings before and after."""
    series = readings.series
    first, last = _places(readings)
    doubts = []
    for value in series.recurring:
        places = [place for place in value.places if first <= place <= last]
        if places:
            shown = ", ".join(str(place) for place in places[:_SHOWN])
            message = (
                f"the value {value.text} stands {counted(len(places), 'time')} in {series.where} "
                "during the repeats, the readings before and after it are far from it each time, "
                "no other reading is near it, and no sensor of the run moves so; it counts in the "
                f"energy ({series.word}s {shown}"
            )
            doubts.append(
                Doubt(
                    code="meter-spike",
                    message=message + (", …)" if len(places) > _SHOWN else ")"),
                    remedy="if the meter shows this value for a failed reading, empty these cells "
                    "and attach again",
                )
            )
    return tuple(doubts)


def _feed_doubts(series: MeterSeries) -> tuple[Doubt, ...]:
    """A doubt if the attached series is a single feed of several feeds in the file."""
    if not series.other_feeds:
        return ()
    beside = ", ".join(series.other_feeds[:_SHOWN])
    return (
        Doubt(
            code="meter-one-feed",
            message=f"{series.what} of {series.where} is one of several feeds or parts: if "
            f"{beside} feed the same load, the energy is too low by theirs",
            remedy="attach the sum of all feeds (a column of its own, or `sum` in the query of "
            "Prometheus); nothing, if this one feeds all of the load",
        ),
    )


def _name_doubts(series: MeterSeries) -> tuple[Doubt, ...]:
    """A doubt if the name of the attached column contradicts the use as power or energy."""
    if not series.name_says:
        return ()
    quantity = "power" if series.kind == "power" else "energy"
    return (
        Doubt(
            code="meter-name-contradicts",
            message=f"{series.what} of {series.where} holds, by its name or its labels, "
            f"{series.name_says}; it was attached as {quantity}",
            remedy="attach a column of the mean active power or of the energy, on the side of the "
            "power supply that --dc states; nothing, if the name of this one is wrong",
        ),
    )


def _offset_doubts(offset: Offset, meter: Meter) -> tuple[Doubt, ...]:
    if offset.determined and offset.distinct:
        return ()
    if offset.determined:
        message = (
            f"offsets of the meter's clock within {Z95 * offset.u_s:.2g} s of "
            f"{offset.offset_s:+.2f} s fit this run nearly alike"
        )
    elif meter.max_offset_s:
        message = (
            f"this run does not tell the offset of the meter's clock ({why_unknown(offset)}): it "
            f"is taken as 0 ± {meter.max_offset_s:g} s"
        )
    else:
        return ()
    remedy = (
        "the energy hardly depends on the offset here; measure with --idle 30, or state with "
        "--max-offset how well the clocks agree"
    )
    return (Doubt(code="clock-offset", message=message, remedy=remedy),)
