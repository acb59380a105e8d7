"""The layouts of dates and times that loggers write, to a date, a clock time and a zone.

Sources: nvidia-smi writes 2026/03/01 09:59:19.700; its dmon writes 20260301 and 09:59:19 in two
columns; SPEC PTDaemon writes 03-01-2026 09:59:19.700 with the month first (mlcommons/power-dev,
logs_example); ipmitool and date(1) write Sun Mar  1 09:59:19 2026, date(1) with a zone before the
year; ISO 8601 in every form that Python's datetime reads.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<name>[A-Za-z]{3})[a-z]*\.?"
_DATES = (
    r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})",
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
    r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4}|\d{2})",  # with points the day is first
    r"(?P<a>\d{1,2})(?P<mark>[-/])(?P<b>\d{1,2})(?P=mark)(?P<y>\d{4}|\d{2})",
    rf"(?P<d>\d{{1,2}})[-/ ]{_MONTH}[-/ ,]\s*(?P<y>\d{{4}})",
    rf"{_MONTH}\s+(?P<d>\d{{1,2}}),?\s+(?P<y>\d{{4}})",
)
_WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+)?"
_CLOCK = (
    r"(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_ZONE = r"(?:\s*(?P<zone>Z|[+-]\d{2}:?\d{2}|[+-]\d{2}|[A-Z]{3,5}))?(?:\[[\w/+-]+\])?"
_DATE_ONLY = tuple(re.compile(pattern) for pattern in _DATES)
_CLOCK_ONLY = re.compile(_CLOCK + _ZONE)
# date(1) and ctime(3): the year stands behind the time
_YEAR_LAST = (
    rf"{_WEEKDAY}{_MONTH}\s+(?P<d>\d{{1,2}})\s+{_CLOCK}(?:\s+(?P<zone>[A-Z]{{3,5}}))?"
    r"\s+(?P<y>\d{4})"
)
_BOTH = (
    *(re.compile(rf"{_WEEKDAY}{one}(?:T|\s+|,\s*|\s*-\s+){_CLOCK}{_ZONE}") for one in _DATES),
    re.compile(_YEAR_LAST),
)
_COMPACT = re.compile(r"(?P<y>20\d{2})(?P<m>\d{2})(?P<d>\d{2})(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})")


class Moment(NamedTuple):
    """A date and a clock time as written.

    either  the same with day and month exchanged, if the date can be read both ways
    zone    None: the text states none; abbreviation: a zone that is not one offset (CET)
    """

    local: datetime
    zone: tzinfo | None = None
    abbreviation: str = ""
    either: datetime | None = None


def moment(text: str, *, month_first: bool | None = None) -> Moment | None:
    """The moment that a text states, or None. month_first: of 03/01/2026; None: not known."""
    text = text.strip()
    if len(text) < 8 or (text.isdigit() and len(text) != 14):
        return None
    if text.isdigit():
        matches = [_COMPACT.fullmatch(text)]
    else:
        iso = _iso(text)
        if iso is not None:
            return iso
        matches = [pattern.fullmatch(text) for pattern in _BOTH]
    for match in matches:
        if match is not None:
            read = _moment(match.groupdict(), month_first)
            if read is not None:
                return read
    return None


def is_date(text: str) -> bool:
    """Whether a text is a date without a time."""
    match = next((m for m in (p.fullmatch(text.strip()) for p in _DATE_ONLY) if m), None)
    return match is not None and _date(match.groupdict(), None) is not None


def is_clock(text: str) -> bool:
    """Whether a text is a time of day without a date."""
    match = _CLOCK_ONLY.fullmatch(text.strip())
    return match is not None and int(match["H"]) < 24 and int(match["M"]) < 60


def day_before_month(texts: list[str]) -> bool | None:
    """Whether the day stands first in dates such as 13/01/2026; None if these texts do not tell.

    The month cannot be above 12.
    """
    first = second = 0
    for text in texts:
        match = re.match(r"\s*(\d{1,2})([-/])(\d{1,2})\2(\d{4}|\d{2})\b", text)
        if match:
            first, second = max(first, int(match[1])), max(second, int(match[3]))
    if (first > 12) == (second > 12):
        return None
    return first > 12


def _iso(text: str) -> Moment | None:
    if not text[:4].isdigit() or "/" in text or not (":" in text or "T" in text):
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return Moment(read.replace(tzinfo=None), read.tzinfo)


def _moment(parts: dict[str, str | None], month_first: bool | None) -> Moment | None:
    days = _date(parts, month_first)
    if days is None:
        return None
    day, other = days
    hour, minute = int(parts["H"] or 0), int(parts["M"] or 0)
    second, fraction = int(parts.get("S") or 0), parts.get("f") or ""
    half = (parts.get("half") or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    zone, abbreviation = _zone(parts.get("zone"))
    try:
        clock = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=_micro(fraction))
        if hour > 23 or minute > 59 or second > 60:
            return None
        local = datetime(day.year, day.month, day.day) + clock
        either = None
        if other is not None:
            either = datetime(other.year, other.month, other.day) + clock
    except (ValueError, OverflowError):
        return None
    return Moment(local, zone, abbreviation, either)


def _micro(fraction: str) -> int:
    return int(fraction[:6].ljust(6, "0")) if fraction else 0


def _date(
    parts: dict[str, str | None], month_first: bool | None
) -> tuple[date, date | None] | None:
    """The date, and the date with day and month exchanged if that may be meant."""
    year = int(parts["y"] or 0)
    year += 2000 if year < 100 else 0
    if parts.get("name") is not None:
        name = (parts["name"] or "").lower()
        if name not in _MONTHS:
            return None
        orders = [(_MONTHS.index(name) + 1, int(parts["d"] or 0))]
    elif parts.get("a") is not None:
        a, b = int(parts["a"] or 0), int(parts["b"] or 0)
        orders = [(b, a), (a, b)]  # month, day: the day first
        if month_first is not None:
            orders = [(a, b)] if month_first else [(b, a)]
    else:
        orders = [(int(parts["m"] or 0), int(parts["d"] or 0))]
    dates = []
    for month, day in orders:
        try:
            dates.append(date(year, month, day))
        except ValueError:
            continue
    if not dates:
        return None
    other = dates[1] if len(dates) > 1 and dates[1] != dates[0] else None
    return dates[0], other


def _zone(text: str | None) -> tuple[tzinfo | None, str]:
    if not text:
        return None, ""
    if text in ("Z", "UTC", "GMT"):
        return UTC, ""
    match = re.fullmatch(r"([+-])(\d{2}):?(\d{2})?", text)
    if match is None:
        return None, text
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if offset >= timedelta(hours=24):
        return None, text
    return timezone(-offset if match[1] == "-" else offset), ""
