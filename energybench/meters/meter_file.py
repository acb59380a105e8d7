"""A meter's file (CSV, or Prometheus' answer to a range query) as a series. Content that cannot be
read for certain is refused with its line.

CSV: a header with one time column and one value column; separators , ; and tab. Lines that begin
with # are passed over. Values become whole counts of the file's own last digit, so that no digit of
the file is lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from energybench.errors import BadInput
from energybench.meters import csv_file, prometheus_answer
from energybench.meters.readings import Choice, LoggedReading, Unit
from energybench.meters.series import MeterSeries

# W or J of one count: smaller digits come from the writer's arithmetic, and counts have to fit 63
# bits
_FINEST = Decimal("1e-6")
_LARGEST = Decimal(2) ** 62


def read(path: Path, choice: Choice) -> MeterSeries:
    """The series of a meter's file. Raises BadInput with the file and the line."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise BadInput(
            f"--meter {path}",
            f"cannot be read: {error.strerror}",
            "name the meter's CSV or JSON file",
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadInput(
            f"{path} line {line}",
            "is not text (UTF-8)",
            "export the meter's readings as CSV or JSON",
        ) from None
    if not text.strip():
        raise BadInput(str(path), "is empty", "name a file with the meter's readings")
    if text.lstrip().startswith(("{", "[")):
        column, unit, readings, word = *prometheus_answer.read(str(path), text, choice), "value"
    else:
        column, unit, readings, word = *csv_file.read(str(path), text, choice), "line"
    return _series(str(path), word, column, unit, readings)


def _series(
    path: str, word: str, column: str, unit: Unit, readings: Sequence[LoggedReading]
) -> MeterSeries:
    """Checked readings as whole counts. Raises BadInput."""
    values = _checked(path, word, unit, readings)
    resolution = _resolution(values, unit)
    counts = [(value * unit.factor / resolution).to_integral_value() for value in values]
    return MeterSeries(
        where=path,
        what=column,
        word=word,
        kind=unit.kind,
        resolution=float(resolution),
        t_s=np.array([reading.t_s for reading in readings], dtype=np.float64),
        raw=np.array([int(count) for count in counts], dtype=np.int64),
        places=np.array([reading.place for reading in readings], dtype=np.int64),
    )


def _checked(path: str, word: str, unit: Unit, readings: Sequence[LoggedReading]) -> list[Decimal]:
    """The values of readings in ascending time; of a counter, not falling. Raises BadInput."""
    values: list[Decimal] = []
    for i, (place, t_s, text) in enumerate(readings):
        where = f"{path} {word} {place}"
        values.append(number(text, where))
        if i == 0:
            continue
        _check_time(readings[i - 1].t_s, t_s, where)
        if unit.kind == "counter" and values[i] < values[i - 1]:
            raise BadInput(
                where,
                f"the energy falls from {values[i - 1]} to {values[i]}",
                "the counter started anew: cut the file, or repeat the run",
            )
    if len(values) < 2:
        raise BadInput(path, f"holds {len(values)} reading(s)", "a series has at least two")
    return values


def _check_time(before_s: float, t_s: float, where: str) -> None:
    if t_s > before_s:
        return
    what = f"time goes back by {before_s - t_s:.6g} s"
    if t_s == before_s:
        what = "has the same time as the reading before"
    raise BadInput(
        where,
        what,
        "a clock that was set, or two files in one: cut the file to one unbroken stretch; log in "
        "UTC",
    )


def _resolution(values: Sequence[Decimal], unit: Unit) -> Decimal:
    """W or J of one count: the file's own last digit, if the largest value then fits 62 bits."""
    digits = min((int(value.as_tuple().exponent) for value in values if value), default=0)
    resolution = max(unit.factor * Decimal(10) ** min(digits, 0), _FINEST)
    largest = max(values) * unit.factor
    while largest / resolution >= _LARGEST:
        resolution *= 10
    return resolution


def number(text: str, where: str) -> Decimal:
    """A value that a meter can show: finite, not negative. Raises BadInput."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        remedy = (
            "write decimals with a point"
            if re.fullmatch(r"\s*-?\d+,\d+\s*", text)
            else "one number per line; cut out lines without a reading"
        )
        raise BadInput(where, f"{text.strip()[:40]!r} is not a number", remedy) from None
    if not value.is_finite():
        raise BadInput(
            where,
            f"the value is {text.strip()[:40]}, not a finite number",
            "a failed reading: cut the line out",
        )
    if value < 0:
        raise BadInput(
            where,
            f"the value is negative ({value})",
            "a load draws no negative power: exchange the meter's terminals, or name another "
            "column",
        )
    return value
