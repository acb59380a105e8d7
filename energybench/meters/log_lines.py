"""Logs of power tools that are no CSV, as tables: SPEC PTDaemon, nvidia-smi dmon, ipmitool dcmi.

Sources of the layouts: mlcommons/power-dev, ptd_client_server/logs_example/*/spl.txt (PTDaemon);
`nvidia-smi dmon -s pucet -o DT` as its users print it (#Date, #YYYYMMDD); ipmitool, lib/ipmi_dcmi.c
(Instantaneous power reading), and mlcommons/logging, mllog/examples/power/reader.py (a line each).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from energybench.errors import BadInput
from energybench.meters import moments
from energybench.meters.csv_file import is_time
from energybench.meters.readings import Row, Table, cell_unit

_LOOK = 200  # lines that tell the kind of a log
_PTD = re.compile(r"Time,(?P<time>[^,]{8,40}),(?:Watts,|ERROR,)")
_DMON = re.compile(r"#\s*(?:Date|Time|gpu)\b.*[\s,]pwr(?:[\s,]|$)", re.IGNORECASE)
_DCMI = re.compile(
    r"(?P<before>.*?)(?:Instantaneous power reading:|Current Power\s*:)\s*(?P<power>[^\s]+)"
)
# What follows is taken to the end of the line and stripped: a pattern that looks for the last
# character that is not a space takes quadratic time on a long line of spaces.
_STAMP = re.compile(r"(?:IPMI t|T)imestamp\s*:(?P<stamp>.+)")
_STATE = re.compile(r"(?:Power reading state is|Power Measurement)\s*:(?P<state>.+)")


def read(path: str, lines: Sequence[str]) -> Table | None:
    """The table of a log of a known kind; None: another file. Raises BadInput."""
    for line in lines[:_LOOK]:
        if _is_ptdaemon(line):
            return _ptdaemon(path, lines)
        if _DMON.match(line):
            return _dmon(path, lines)
        if _DCMI.match(line):
            return _dcmi(path, lines)
    return None


def _is_ptdaemon(line: str) -> bool:
    """Whether a line is a reading of PTDaemon; a header may begin with Time as well."""
    match = _PTD.match(line)
    return match is not None and moments.moment(match["time"], month_first=True) is not None


def _ptdaemon(path: str, lines: Sequence[str]) -> Table:
    """Names and values in turn; lines of other kinds are notes of the daemon."""
    records, names = [], list[str]()
    for number, line in enumerate(lines, 1):
        if not _is_ptdaemon(line):
            continue
        cells = [cell.strip() for cell in line.split(",")]
        record = dict(zip(cells[::2], cells[1::2], strict=False))
        names += [name for name in record if name not in names and name != "ERROR"]
        records.append((number, record))
    if "Watts" not in names:
        raise BadInput(path, "is a log of PTDaemon without a reading in W", "name another file")
    rows = [Row(number, [record.get(name, "") for name in names]) for number, record in records]
    place = f"{path} line {records[0][0]}"
    # the month stands first: 12-23-2020 in the log of December 23
    return Table(
        path, place, names, rows, units={"Watts": "W"}, value="Watts", times=("Time",),
        month_first=True, comma=False,
    )  # fmt: skip


def _dmon(path: str, lines: Sequence[str]) -> Table:
    """Two lines of # are the header, names and units; both come again every few lines."""
    names: list[str] = []
    units: dict[str, str] = {}
    rows, place = [], ""
    for number, line in enumerate(lines, 1):
        cells = re.split(r"\s*,\s*", line.strip()) if "," in line else line.split()
        if _DMON.match(line):
            cells = [cell for cell in (cell.lstrip("#").strip() for cell in cells) if cell]
            if names and cells != names:
                raise BadInput(
                    f"{path} line {number}", "has other columns than the header before", "cut it"
                )
            names, place = cells, place or f"{path} line {number}"
        elif line.lstrip().startswith("#"):
            below = [cell for cell in (cell.lstrip("#").strip() for cell in cells) if cell]
            pairs = zip(names, below, strict=False)
            units = {name: unit for name, cell in pairs if (unit := cell_unit(cell))}
        elif names and line.strip():
            rows.append(Row(number, cells))
    times = tuple(name for name in names if name.lower() in ("date", "time"))
    if len(times) < 2:
        raise BadInput(
            place,
            "this log of nvidia-smi dmon has no dates and times",
            "log again with: nvidia-smi dmon -s p -o DT",
        )
    power = next((name for name in names if name.lower() == "pwr"), names[-1])
    return Table(
        path, place, names, rows, units=units or {power: "W"}, value=power, times=times, comma=False
    )


def _dcmi(path: str, lines: Sequence[str]) -> Table:
    """A loop over `ipmitool dcmi power reading` or `ipmi-dcmi --get-system-power-statistics`.

    The time is that of a date in front of or behind each reading, or else the BMC's own.
    """
    dates: list[tuple[int, str]] = []
    rows: list[list[str]] = []
    places: list[int] = []
    for number, line in enumerate(lines, 1):
        match = _DCMI.match(line)
        if match:
            places.append(number)
            rows.append([_prefix(match["before"]), "", match["power"]])
            line = line[match.end() :]
        stamp, match_state = _STAMP.search(line), _STATE.search(line)
        state = match_state["state"].strip() if match_state else ""
        if stamp and rows:
            rows[-1][1] = stamp["stamp"].strip()
        elif state and rows and not state.lower().startswith(("activ", "available")):
            rows[-1][2] = state
        elif is_time(line.strip()) and not match:
            dates.append((number, line.strip()))
    if dates:
        _assign(rows, places, dates)
    names = ["date", "IPMI timestamp", "power"]
    time = names[0] if any(row[0] for row in rows) else names[1]
    table = [Row(place, row) for place, row in zip(places, rows, strict=True)]
    where = f"{path} line {places[0]}"
    return Table(
        path, where, names, table, units={"power": "W"}, value="power", times=(time,), comma=False
    )


def _prefix(text: str) -> str:
    """The time in front of a reading on the same line, or ""."""
    text = text.strip(" \t:,;|-[]")
    return text if text and (is_time(text) or moments.moment(text)) else ""


def _assign(rows: list[list[str]], places: Sequence[int], dates: list[tuple[int, str]]) -> None:
    """Give each reading the date in front of it; the date behind, if the log begins with a reading.
    A date is used once.
    """
    if dates[0][0] < places[0]:
        starts, ends = [0, *places[:-1]], [*places]
    else:
        starts, ends = [*places], [*places[1:], dates[-1][0] + 1]
    at = 0
    for row, start, end in zip(rows, starts, ends, strict=True):
        between = []
        while at < len(dates) and dates[at][0] < end:
            if dates[at][0] > start:
                between.append(dates[at][1])
            at += 1
        if between and not row[0]:
            row[0] = between[-1] if dates[0][0] < places[0] else between[0]
