"""A meter's file as a series. Content that cannot be read for certain is refused with its line.

CSV and logs with or without a header, JSON records, and Prometheus' answer to a range query. Values
become whole counts of the file's own last digit, so that no digit of the file is lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np

from energybench.errors import BadInput
from energybench.meters import (
    columns,
    csv_file,
    interval_energy,
    json_records,
    log_lines,
    other_feeds,
    prometheus_answer,
    reading_steps,
    recurring_values,
    row_labels,
    screening,
    stretch,
    text_files,
    time_format,
    values,
)
from energybench.meters.readings import (
    UNITS,
    Choice,
    LeftOut,
    LoggedReading,
    NotATime,
    Table,
    Undecided,
    Unit,
    unit_of,
)
from energybench.meters.screening import Value
from energybench.meters.series import MeterSeries
from energybench.meters.stretch import Around
from energybench.meters.times import Times
from energybench.model import Kind
from energybench.store import strict
from energybench.units import counted

# W or J of one count: smaller digits come from the writer's arithmetic, and counts have to fit 63
# bits
_FINEST = Decimal("1e-6")
_LARGEST = Decimal(2) ** 62
# J: a petawatt-hour; no counter of a node or a board shows more
_MOST_J = Decimal(10) ** 18
_LINE_END = re.compile(r"\r\n|\n|\r")


class _Logged(NamedTuple):
    """Readings as written, in the order of the file."""

    what: str
    word: str
    unit: Unit | None
    mark: str
    readings: list[LoggedReading]
    odd: list[LeftOut]
    other_feeds: tuple[str, ...] = ()
    name_says: str = ""


def read(path: Path, choice: Choice, around: Around | None = None) -> MeterSeries:
    """The series of a meter's file, and the rows left out of it.

    around  only readings in this stretch are looked at; None: all
    Raises BadInput with the file and the line.
    """
    if choice.time_format is not None:
        time_format.check(choice.time_format)
    text = text_files.read(path)
    if not text.strip():
        raise BadInput(str(path), "is empty", "name a file with the meter's readings")
    logged = _logged(str(path), text, choice, around)
    in_order = stretch.ascending(logged.readings)
    if in_order[:1] != logged.readings[:1]:
        logged = logged._replace(what=f"{logged.what}, newest reading first")
    readings, strays = stretch.of(f"{path} {logged.word}", in_order, around)
    logged = logged._replace(odd=[*logged.odd, *strays])
    return _series(str(path), logged, readings, around, per_interval=choice.per_interval)


# ---------------------------------------------------------------- layouts


def _logged(path: str, text: str, choice: Choice, around: Around | None) -> _Logged:
    near_s = (around.start_s + around.end_s) / 2 if around else None
    lines = _LINE_END.split(text)
    table: Table | None = None
    if text.lstrip().startswith(("{", "[")):
        try:
            document = strict.loads(text, path)
        except BadInput:
            table = json_records.read_lines(path, lines)
            if table is None:
                raise
        else:
            table = json_records.read_document(path, document)
            if table is None:
                answer = prometheus_answer.read(path, document, choice)
                return _Logged(
                    what=answer.what,
                    word="value",
                    unit=answer.unit,
                    mark=".",
                    readings=answer.readings,
                    odd=[],
                    other_feeds=answer.other_feeds,
                    name_says=answer.says,
                )
    table = table or json_records.read_lines(path, lines) or log_lines.read(path, lines)
    return _from_table(table or csv_file.read(path, lines), choice, near_s)


def _from_table(table: Table, choice: Choice, near_s: float | None) -> _Logged:
    if choice.unit is not None:
        unit_of("", choice.unit, table.where)
    chosen = columns.choose(table, choice)
    name = table.names[chosen.value]
    says = row_labels.says(table, choice, chosen)
    stated = choice.unit or chosen.unit or row_labels.unit(table, chosen)
    unit = unit_of(name, None, table.where) if stated is None else UNITS[stated]
    cells = [row.cells[chosen.value] for row in chosen.rows]
    mark = values.decimal_mark(cells, f"{table.where} column {name!r}", comma=table.comma)
    texts = [chosen.time_of(row) for row in chosen.rows]
    times = Times(table.path, choice, table.word, month_first=table.month_first, near_s=near_s)
    times.prepare(texts)
    readings, odd = [], []
    width = len(table.names)
    for row in chosen.odd:
        reason = f"has {len(row.cells)} columns, the header {width}"
        odd.append(LeftOut(row.place, reason))
    failed: BadInput | None = None
    for row, text in zip(chosen.rows, texts, strict=True):
        try:
            t_s = times.of(text, row.place)
        except NotATime as error:
            failed = failed or error
            odd.append(LeftOut(row.place, error.what))
            continue
        readings.append(LoggedReading(row.place, t_s, row.cells[chosen.value]))
    _check_odd(table, odd, failed, len(chosen.rows) + len(chosen.odd))
    what = f"column {name!r}"
    if choice.select:
        what += " of " + ", ".join("=".join(pair) for pair in choice.select)
    beside = other_feeds.of_table(table, chosen)
    return _Logged(what, table.word, unit, mark, readings, odd, beside, says)


def _check_odd(table: Table, odd: Sequence[LeftOut], failed: BadInput | None, count: int) -> None:
    """Raises BadInput if many rows have no time or other columns than the header."""
    if len(odd) <= max(3, 0.1 * count) and (failed is None or count > len(odd)):
        return
    if failed is not None:
        raise failed
    raise BadInput(
        f"{table.path} {table.word} {odd[0].place}",
        odd[0].reason,
        "the file was cut off, or a value holds the separator",
    )


# ---------------------------------------------------------------- values


def _series(
    path: str,
    logged: _Logged,
    readings: Sequence[LoggedReading],
    around: Around | None,
    *,
    per_interval: bool,
) -> MeterSeries:
    """Checked readings as whole counts. Raises BadInput."""
    if not readings:
        where, what = path, "holds no reading"
        if logged.odd:
            where, what = f"{path} {logged.word} {logged.odd[0].place}", logged.odd[0].reason
        raise BadInput(where, what, "a series has at least two readings")
    read, kind, factor = _values(path, logged, readings)
    most_w = around.most_w if around else None
    place = f"{path} {logged.word}"
    if per_interval and kind == "power":
        raise BadInput("--per-interval", f"{logged.what} holds power", "leave the option out")
    row_step_w = None
    if per_interval:
        row_step_w = _row_step_w(read, factor)
        read = interval_energy.added_up(place, logged.what, read, most_w)
    elif kind == "counter":
        interval_energy.check_rises(place, logged.what, read)
    read, doubled = _single(path, logged.word, read)
    try:
        screened = screening.screen(path, logged.word, kind, read, most_w)
    except screening.StartedAnew as error:
        options = [("--per-interval",)]
        raise Undecided(
            error.where, f"{logged.what}: {error.what}", error.remedy, options
        ) from None
    numbers = [reading.value for reading in screened.values if reading.value is not None]
    resolution = _resolution(numbers, factor)
    step = None
    if kind == "power":
        step = reading_steps.evident_step(numbers, resolution)
    elif not per_interval:
        resolution = reading_steps.counted_step(numbers, resolution)
    counts = _counts(numbers, resolution)
    first, last = sorted((readings[0].place, readings[-1].place))
    odd = [row for row in logged.odd if first - 1 <= row.place <= last + 1]
    return MeterSeries(
        where=path,
        what=logged.what,
        word=logged.word,
        kind=kind,
        resolution=float(resolution),
        reading_step_w=row_step_w if step is None else float(step),
        t_s=np.array([reading.t_s for reading in screened.values], dtype=np.float64),
        raw=np.array(counts, dtype=np.int64),
        places=np.array([reading.place for reading in screened.values], dtype=np.int64),
        left_out=(*odd, *doubled, *screened.left_out),
        other_feeds=logged.other_feeds,
        name_says=logged.name_says,
        spikes=tuple(screened.spikes),
        recurring=recurring_values.recurring(screened.values) if kind == "power" else (),
    )


def _values(
    path: str, logged: _Logged, readings: Sequence[LoggedReading]
) -> tuple[list[Value], Kind, Decimal]:
    """The values in W or J, their kind, and the smallest unit among them. Raises BadInput."""
    read: list[Value] = []
    units: dict[Unit, int] = {}
    for reading in readings:
        text = reading.text.strip()[:40]
        try:
            number, unit = values.value(reading.text, logged.unit, logged.mark)
            if abs(number) > _MOST_J:
                raise ValueError(f"{text!r} is more than any meter shows")
            if unit is not None:
                units.setdefault(unit, reading.place)
            read.append(Value(reading.place, reading.t_s, number, text))
        except ValueError as error:
            read.append(Value(reading.place, reading.t_s, None, text, str(error)))
    kinds = {unit.kind: place for unit, place in units.items()}
    if len(kinds) > 1:
        place = max(kinds.values())
        raise BadInput(
            f"{path} {logged.word} {place}", "changes between power and energy", "cut the file"
        )
    kind: Kind = next(iter(kinds), logged.unit.kind if logged.unit else "power")
    factor = min((unit.factor for unit in units), default=Decimal(1))
    return read, kind, factor


def _single(path: str, word: str, read: list[Value]) -> tuple[list[Value], list[LeftOut]]:
    """Readings of distinct times: a row that stands twice is taken once.

    Raises BadInput if many rows have the time of the row before and another value.
    """
    single: list[Value] = []
    doubled, differ = [], []
    for reading in read:
        if not single or reading.t_s > single[-1].t_s:
            single.append(reading)
            continue
        if reading.value is not None and reading.value == single[-1].value:
            doubled.append(LeftOut(reading.place, "repeats the row before, with its time"))
            continue
        if single[-1].value is None:
            single[-1] = reading
        differ.append(LeftOut(reading.place, "has the same time as the reading before"))
    doubled = sorted((*doubled, *differ))
    if len(differ) > screening.MOST_LEFT_OUT * len(read) or len(single) < 2:
        faults = differ or doubled
        place = faults[0].place if faults else read[0].place
        raise BadInput(
            f"{path} {word} {place}",
            faults[0].reason if faults else f"holds {counted(len(single), 'reading')}",
            "a clock that was set, rows of several devices, or times without fractions of a "
            "second: log with more digits, or cut the file",
        )
    return single, doubled


def _resolution(numbers: Sequence[Decimal], factor: Decimal) -> Decimal:
    """W or J of one count: the file's own last digit, if the largest value then fits 62 bits."""
    digits = min((_exponent(number) for number in numbers if number), default=0) - _exponent(factor)
    resolution = max(factor * Decimal(10) ** min(digits, 0), _FINEST)
    largest = max(numbers)
    while largest / resolution >= _LARGEST:
        resolution *= 10
    return resolution


def _counts(numbers: Sequence[Decimal], resolution: Decimal) -> list[int]:
    """Whole counts. A counter may stand between two multiples of its step: it counts from its first
    value on.
    """
    first = numbers[0]
    counted = [(number - first) / resolution for number in numbers]
    start = int((first / resolution).to_integral_value())
    return [start + int(count.to_integral_value()) for count in counted]


def _row_step_w(rows: Sequence[Value], factor: Decimal) -> float | None:
    """Step of the energies of single rows, as power over the usual time between two rows, W."""
    numbers = [row.value for row in rows if row.value is not None]
    usual_s = float(np.median(np.diff([row.t_s for row in rows]))) if len(rows) > 1 else 0.0
    if not numbers or usual_s <= 0:
        return None
    digit = _resolution(numbers, factor)
    return float(reading_steps.evident_step(numbers, digit) or digit) / usual_s


def _exponent(number: Decimal) -> int:
    return int(number.as_tuple().exponent)
