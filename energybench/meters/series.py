"""A meter's readings as in the file, and checks that the readings are dense enough for a run.

Times are of the meter's own clock, in s since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.analysis.arrays import Floats
from energybench.errors import BadInput
from energybench.meters.readings import LeftOut, Undecided
from energybench.meters.recurring_values import Recurring
from energybench.model import Kind, Window
from energybench.units import counted

# share of a repeat that may be without a reading: the energy of a longer hole is a guess, and would
# pass for scatter between the repeats
_OF_A_REPEAT = 0.5
# EE HPC WG methodology v2, level 3: at most 10 s of the run without a measurement
_UNCOVERED_S = 10.0
# a logger that leaves out ten readings in a row had stopped; but the methodology allows a second
# between two samples in any case
_GAP_SPACINGS, _DENSE_S = 10.0, 1.0
# a repeat shorter than two readings is interpolation alone (the rule for regions without energy)
_READINGS = 2.0
# counts (or readings) that a difference of a coarse counter has to span: the rounding, √(1/6)
# count, is then 14 % of the difference
_COUNTS = 3.0
# s between readings of a power that holds, and pieces of one hold
_HOLD_S, _PIECES = 1.0, 10_000
# share of readings that repeat the value before, in a log of changes
_REPEATED = 0.02


class MeterSeries(NamedTuple):
    """Shapes [n]: `t_s` strictly ascending; `raw` in counts of `resolution` (J of a counter, W of a
    power reading); `places` of the file.

    reading_step_w  step between two values, W, if coarser than the resolution; of energies of
                    single rows, over the usual time between two rows
    rows_s    time between two rows, s, if the values change less often and one reading stands for
              each change
    held      each power is that of the time since the reading before
    left_out  rows without a reading; spikes: readings far above both of their neighbours
    recurring  values that stand again and again, alone and far from the readings beside them
    other_feeds  feeds in the file beside the chosen one
    name_says  the content of the column by its name, if that is not the power or energy that was
              read from it ("apparent power, in VA"); "": its name agrees
    where     the file; what: its column or series; word: the name of a place ("line", "value")
    """

    where: str
    what: str
    word: str
    kind: Kind
    resolution: float
    t_s: Floats
    raw: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    reading_step_w: float | None = None
    left_out: tuple[LeftOut, ...] = ()
    spikes: tuple[LeftOut, ...] = ()
    recurring: tuple[Recurring, ...] = ()
    other_feeds: tuple[str, ...] = ()
    name_says: str = ""
    held: bool = False
    rows_s: float | None = None

    def place(self, i: int) -> str:
        """'meter.csv line 12'"""
        return f"{self.where} {self.word} {self.places[i]}"

    @property
    def span(self) -> str:
        """'2026-11-23T10:00:00Z (line 2) to …'"""
        return " to ".join(
            f"{utc(float(self.t_s[i]))} ({self.word} {self.places[i]})" for i in (0, -1)
        )


class MeterSteps(NamedTuple):
    """The readings as mean powers over [start_s, end_s] of the meter's clock.

    Shapes [n].
    """

    start_s: Floats
    end_s: Floats
    power_w: Floats


def utc(t_s: float) -> str:
    """Seconds since 1970 for a person."""
    return datetime.fromtimestamp(t_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def spacing_s(series: MeterSeries) -> float:
    """Median time between two readings."""
    return float(np.median(np.diff(series.t_s)))


def steps(series: MeterSeries, averaging_s: float) -> MeterSteps:
    """Mean powers.

    Of a counter: between readings, far enough apart to span a few counts.
    """
    values: Floats = np.asarray(series.raw * series.resolution, dtype=np.float64)
    if series.held:
        return MeterSteps(series.t_s[:-1], series.t_s[1:], values[1:])
    if series.kind == "power":
        # width of an instantaneous reading: shorter than any sensor of the run resolves
        width = max(averaging_s, 1e-3)
        return MeterSteps(series.t_s - width, series.t_s, values)
    picked, late_s = _readings_for_power(series.t_s, series.raw)
    t, energy = series.t_s[picked] - late_s, values[picked]
    return MeterSteps(t[:-1], t[1:], np.asarray(np.diff(energy) / np.diff(t), dtype=np.float64))


def held(series: MeterSeries) -> MeterSeries:
    """The series of a meter that logs changes, with readings at most a second apart: each power is
    that of the time before it, for a power holds until the next reading of the file.

    Raises BadInput for a counter.
    """
    if series.kind != "power":
        raise BadInput("--holds", "is for readings of power", "leave it out for a counter")
    # the last power holds on for as long as a measurement may be without a reading
    ends_s = np.append(series.t_s, series.t_s[-1] + _UNCOVERED_S)
    counts = np.clip(np.ceil(np.diff(ends_s) / _HOLD_S), 1, _PIECES).astype(np.intp)
    # a failed reading is no sign that the power held: such a time stays a gap
    counts[:-1][_with_failed_rows(series)] = 1
    of = np.repeat(np.arange(counts.size), counts)
    piece = np.arange(of.size) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    ends = series.t_s[of] + np.diff(ends_s)[of] * (piece / counts[of])
    first = series.t_s[:1]
    return series._replace(
        t_s=np.concatenate((first, ends)),
        raw=np.concatenate((series.raw[:1], series.raw[of])),
        places=np.concatenate((series.places[:1], series.places[of])),
        held=True,
    )


def _readings_for_power(
    t_s: Floats, raw: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.intp], float]:
    """Choose the readings of a counter between which power is computed, and their mean delay.

    If readings bring a few counts each, every reading is taken. Otherwise only readings at which
    the count changed: the time of the change is known to a reading's spacing, so a few counts or a
    few readings have to lie between two of them.
    """
    every = np.arange(t_s.size)
    if raw[-1] - raw[0] >= _COUNTS * (raw.size - 1):
        return every, 0.0
    changed = np.flatnonzero(np.diff(raw) > 0) + 1
    if changed.size < 2:
        return every, 0.0
    spacing = float(np.median(np.diff(t_s)))
    picked = [int(changed[0])]
    for i in changed[1:].tolist():
        if raw[i] - raw[picked[-1]] >= _COUNTS or t_s[i] - t_s[picked[-1]] >= _COUNTS * spacing:
            picked.append(i)
    return np.array(picked), spacing / 2


def check_near(series: MeterSeries, start_s: float, end_s: float, reach_s: float) -> None:
    """Some readings within reach of [start_s, end_s] (s since 1970). Raises BadInput."""
    if series.t_s.size < 2:
        raise BadInput(
            series.where,
            f"holds {counted(series.t_s.size, 'reading')}",
            "a series has at least two",
        )
    if not ((series.t_s >= start_s - reach_s) & (series.t_s <= end_s + reach_s)).any():
        what = (
            f"has no reading in the run, which lasted from {utc(start_s)} to {utc(end_s)}: it "
            f"holds {series.span}"
        )
        raise BadInput(
            series.where,
            what,
            "another file, or another --timezone; clocks further apart need a larger --max-offset",
        )


def check_counts(series: MeterSeries, start_s: float, end_s: float) -> None:
    """Enough rises of a counter between two times (s since 1970) to show a power. Raises BadInput.

    Too few rises do not show in which step the counter counts.
    """
    if series.kind != "counter":
        return
    rises = np.diff(series.raw[(series.t_s >= start_s) & (series.t_s <= end_s)])
    # few readings rise few times: `check_sampling` judges them
    enough = min(_COUNTS, rises.size / 2)
    if min(np.count_nonzero(rises), rises.sum()) >= enough:
        return
    raise BadInput(
        series.where,
        f"{series.what} rose {np.count_nonzero(rises)} times in the {end_s - start_s:.0f} s of the "
        "run, which shows no power",
        "another column or --unit, every digit that the meter has, its power in place of its "
        "energy, or a longer run",
    )


def check_sampling(
    series: MeterSeries, t_s: Floats, repeats: Sequence[Window], start_s: float
) -> None:
    """Check that the readings cover the repeats, without long gaps from `start_s` on.

    `t_s`: times of the readings on the run's clock. Raises BadInput.
    """
    spacing = float(np.median(np.diff(t_s)))
    first, last = repeats[0].start_s, max(window.end_s for window in repeats)
    if t_s[0] > first or t_s[-1] < last:
        late, early = float(t_s[0] - first), float(last - t_s[-1])
        what = (
            f"begins {late:.1f} s after the first repeat did"
            if late > 0
            else f"ends {early:.1f} s before the last repeat did"
        )
        what += _reason_beyond(series, 0 if late > 0 else -1)
        raise BadInput(
            series.place(0 if late > 0 else -1),
            what,
            "the meter's readings have to cover every repeat; log from before the run until after "
            "it",
        )
    shortest = min(window.duration_s for window in repeats)
    if shortest < _READINGS * spacing:
        what = f"readings come {spacing:.3g} s apart, the shortest repeat lasts {shortest:.3g} s"
        remedy = "log faster, or put more work into a repeat"
        if series.rows_s is not None:
            raise BadInput(series.where, *_renewed_seldom(series, spacing, shortest))
        if _mostly_failed(series):
            what += ": the rows between hold no reading"
        else:
            remedy += " (or --holds, if the meter logs changes alone)"
        raise Undecided(series.where, what, remedy, _holds(series))
    gaps = np.diff(t_s)
    limit = max(min(_UNCOVERED_S + spacing, _GAP_SPACINGS * spacing), _DENSE_S)
    inside = (t_s[1:] > max(start_s, float(t_s[0]))) & (t_s[:-1] < last) & (gaps > limit)
    if inside.any():
        i = int(np.flatnonzero(inside)[0])
        what = (
            f"no reading for {gaps[i]:.1f} s inside the run (after {series.word} "
            f"{series.places[i]}; usual spacing {spacing:.3g} s)"
        )
        remedy = f"at most {limit:.3g} s may be uncovered; repeat the run with the logger running"
        if _with_failed_rows(series)[i]:
            what += f": the rows between hold no reading{_first_reason(series, i)}"
        else:
            remedy += " (or --holds, if the meter logs changes alone)"
        raise Undecided(series.place(i + 1), what, remedy, _holds(series, i))
    _check_holes(series, t_s, repeats, spacing)


def _renewed_seldom(series: MeterSeries, changes_s: float, shortest_s: float) -> tuple[str, str]:
    """What is wrong with readings that change less often than they come, and the remedy."""
    rows_s = series.rows_s or 0.0
    remedy = "put more work into a repeat, or log a meter that is faster"
    if series.kind == "power":
        remedy += f"; if every row is a new reading, say so: --averaging {rows_s:.3g}"
    return (
        f"its rows come {rows_s:.3g} s apart, but its values change every {changes_s:.3g} s only, "
        f"as of a meter that renews its reading so seldom; the shortest repeat lasts "
        f"{shortest_s:.3g} s",
        remedy,
    )


def _with_failed_rows(series: MeterSeries) -> npt.NDArray[np.bool_]:
    """Shape [n - 1]: whether rows without a reading lie between a reading and the next."""
    # a file that begins with the newest reading has descending places
    sign = -1 if series.places[-1] < series.places[0] else 1
    rows = np.sort([sign * row.place for row in series.left_out])
    places = sign * series.places
    if series.held:
        # a power that holds has the place of the reading at which its time begins
        places = np.append(places[1:], np.iinfo(np.int64).max)
    return np.asarray(np.diff(np.searchsorted(rows, places)) > 0)


def _first_reason(series: MeterSeries, i: int) -> str:
    """Why the first row between reading i and the next was left out, for messages."""
    low, high = sorted((int(series.places[i]), int(series.places[i + 1])))
    rows = sorted(row for row in series.left_out if low < row.place < high)
    return f" ({series.word} {rows[0].place} {rows[0].reason})" if rows else ""


def _reason_beyond(series: MeterSeries, i: int) -> str:
    """Why the row before the first reading (i = 0), or after the last (-1), was left out."""
    place, ascending = int(series.places[i]), series.places[0] <= series.places[-1]
    if ascending == (i == 0):
        rows = sorted((row for row in series.left_out if row.place < place), reverse=True)
    else:
        rows = sorted(row for row in series.left_out if row.place > place)
    return f" ({series.word} {rows[0].place} {rows[0].reason})" if rows else ""


def _mostly_failed(series: MeterSeries) -> bool:
    """Whether failed readings set the usual spacing, as in a file of a few rows."""
    return float(_with_failed_rows(series).mean()) >= 0.5


def _holds(series: MeterSeries, i: int | None = None) -> list[tuple[str, ...]]:
    """The option for a meter that logs changes alone, if the file looks like one, and if no failed
    reading makes the gap after reading i (None: most gaps).
    """
    failed = _mostly_failed(series) if i is None else bool(_with_failed_rows(series)[i])
    if failed:
        return []
    return [("--holds",)] if _changes_alone(series) else []


def _changes_alone(series: MeterSeries) -> bool:
    """Whether hardly any reading repeats the value before, as of a meter that logs changes."""
    return series.kind == "power" and float((np.diff(series.raw) == 0).mean()) < _REPEATED


def _check_holes(
    series: MeterSeries, t_s: Floats, repeats: Sequence[Window], spacing: float
) -> None:
    """Raises BadInput for a repeat of which most was not seen."""
    for number, window in enumerate(repeats, 1):
        times = np.concatenate(
            ([window.start_s], t_s[(t_s > window.start_s) & (t_s < window.end_s)], [window.end_s])
        )
        hole_s = float(np.diff(times).max())
        if hole_s > max(_OF_A_REPEAT * window.duration_s, _READINGS * spacing):
            i = int(np.searchsorted(t_s, window.start_s))
            what = (
                f"no reading for {hole_s:.1f} s of repeat {number}, which lasts "
                f"{window.duration_s:.3g} s"
            )
            raise BadInput(
                series.place(min(i, t_s.size - 1)),
                what,
                "the meter has to have seen each repeat; repeat the run with the logger running",
            )
