"""JSON records as a table: a record a line (also behind a time, a topic or :::MLLOG), a list of
records, and Redfish metric reports.

Layouts as in: mlcommons/logging, mllog (":::MLLOG {...}", time_ms) and mllog/examples/power (values
in W); Tasmota, tele/TOPIC/SENSOR (ENERGY.Power in W, ENERGY.Total in kWh); Shelly, Switch.GetStatus
(apower in W, aenergy.total in Wh); DMTF DSP2046, MetricReport (MetricValues).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from energybench.errors import BadInput
from energybench.meters import moments
from energybench.meters.csv_file import is_time
from energybench.meters.readings import Row, Table, known_unit
from energybench.meters.values import split_unit

_LOOK = 50  # lines that tell whether a file holds a record a line
_MOST_COLUMNS = 300
_DEPTH = 6
_LONGEST_LIST = 8
# ends of names whose unit the device's documentation states
_UNITS = {"ENERGY.Power": "W", "ENERGY.Total": "kWh", "apower": "W", "aenergy.total": "Wh"}
# of these the power is taken where the device states energy as well: it has more digits
_VALUES = ("ENERGY.Power", "apower")
_MLLOG = ":::MLLOG"
_BEFORE, _TOPIC = "logged_time", "topic"


def read_lines(path: str, lines: Sequence[str]) -> Table | None:
    """The table of a file with a record a line; None: another file."""
    content = [line for line in lines[: 4 * _LOOK] if line.strip()][:_LOOK]
    records = [_record(line) for line in content]
    if _MLLOG not in "".join(content) and sum(r is not None for r in records) <= len(content) / 2:
        return None
    every: list[tuple[int, dict[str, str]]] = []
    mllog = False
    for number, line in enumerate(lines, 1):
        record = _record(line)
        if record is None:
            if line.strip() and not line.lstrip().startswith("#"):
                every.append((number, {}))
            continue
        mllog = mllog or _MLLOG in line[: line.index("{")]
        every.append((number, record))
    if mllog:
        every = _power_events(every)
    return _table(path, "line", every, mllog=mllog)


def read_document(path: str, value: Any) -> Table | None:
    """The table of a list of records, or of a Redfish metric report; None: another document."""
    if isinstance(value, dict) and isinstance(value.get("MetricValues"), list):
        value = value["MetricValues"]
    if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
        return None
    every = [(number, dict(_flat(record, "", 0))) for number, record in enumerate(value, 1)]
    return _table(path, "record", every, mllog=False)


def _table(path: str, word: str, every: list[tuple[int, dict[str, str]]], *, mllog: bool) -> Table:
    names: dict[str, None] = {}
    for _, record in every:
        names.update(dict.fromkeys(record))
    if not names or not every:
        raise BadInput(path, "holds no record of a power reading", "name a file with readings")
    if len(names) > _MOST_COLUMNS:
        raise BadInput(path, f"its records have {len(names)} fields", "keep times and readings")
    columns = list(names)
    rows = [Row(place, [record.get(name, "") for name in columns]) for place, record in every]
    units = {
        name: unit
        for name in columns
        for end, unit in _UNITS.items()
        if name == end or re.search(rf"(^|\.){re.escape(end)}(\.\d+)?$", name)
    }
    stated = [
        name for name in columns for end in _VALUES if name == end or name.endswith("." + end)
    ]
    value = stated[0] if len(stated) == 1 else None
    times: tuple[str, ...] = ()
    if mllog:
        units, value, times = {"value": "W"}, "value", ("time_ms",)
    where = f"{path} {word} {every[0][0]}"
    return Table(
        path, where, columns, rows, word=word, units=units, value=value, times=times, comma=False,
        records=True,
    )  # fmt: skip


def _power_events(every: list[tuple[int, dict[str, str]]]) -> list[tuple[int, dict[str, str]]]:
    """The events of an MLPerf log that state a power; others are marks of the benchmark."""
    every = [(number, _with_value(record)) for number, record in every]
    readings = [
        (number, record)
        for number, record in every
        if split_unit(record.get("value", "")) and record.get("time_ms")
    ]
    named = [pair for pair in readings if "power" in pair[1].get("key", "").lower()]
    return named or readings


def _with_value(record: dict[str, str]) -> dict[str, str]:
    """A record whose value is an object with one power ({"watts": 300}), with that power."""
    if "value" in record:
        return record
    powers = {
        name: unit
        for name in record
        if name.startswith("value.")
        and ((unit := known_unit(name)) in ("W", "kW", "mW") or name.lower().endswith("power"))
    }
    if len(powers) != 1:
        return record
    ((name, unit),) = powers.items()
    text = record[name]
    return {**record, "value": f"{text} {unit}" if unit and text else text}


def _record(line: str) -> dict[str, str] | None:
    """The fields of the record that a line ends with, and of the text before; None: no record."""
    start = line.find("{")
    if start < 0 or not line.rstrip().endswith("}"):
        return None
    try:
        value = json.loads(line[start:], parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return dict([*_before(line[:start]), *_flat(value, "", 0)])


def _before(text: str) -> Iterator[tuple[str, str]]:
    """The time and the topic in front of a record."""
    text = text.replace(_MLLOG, "").strip(" \t:,;|")
    for count in (1, 2, 3):
        words = text.split(None, count)
        head = " ".join(words[:count]).strip("[]:,;")
        if len(words) >= count and (is_time(head) and not moments.is_date(head)):
            yield _BEFORE, head
            text = " ".join(words[count:])
            break
    if text and not text.isdigit():
        yield _TOPIC, text


def _flat(value: Any, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """(dotted name, text) of the scalars in a record."""
    if isinstance(value, dict) and depth < _DEPTH:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, list) and depth < _DEPTH and len(value) <= _LONGEST_LIST:
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{name}.{number}", depth + 1)
    elif value is None:
        yield name, "null"
    elif isinstance(value, bool):
        yield name, str(value).lower()
    elif not isinstance(value, dict | list):
        yield name, str(value)
