"""The date of a report: stated by an option or by SOURCE_DATE_EPOCH, so that the same results give
the same bytes on any day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from energybench.errors import BadInput

_VARIABLE = "SOURCE_DATE_EPOCH"  # reproducible-builds.org/specs/source-date-epoch
_REMEDY = "2026-11-29, or a moment with its time zone: 2026-11-29T10:30:00Z"


def stated_date(option: str | None, environment: Mapping[str, str]) -> str | None:
    """The date in ISO 8601, of a moment in UTC; None if neither option nor variable states a date.

    Raises BadInput.
    """
    if option is not None:
        return _of_option(option)
    variable = environment.get(_VARIABLE)
    return _of_seconds(variable) if variable else None


def _of_option(text: str) -> str:
    where = f"--date {text}"
    try:
        if len(text) == len("2026-11-29"):
            return date.fromisoformat(text).isoformat()
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(where, "is not a date", _REMEDY) from None
    if moment.tzinfo is None:
        raise BadInput(where, "is not a date, or states no time zone", _REMEDY)
    try:
        return moment.astimezone(UTC).isoformat(timespec="seconds")
    except OverflowError:  # the first or last hours of the calendar in another zone
        raise BadInput(where, "is not a date", _REMEDY) from None


def _of_seconds(text: str) -> str:
    try:
        if not (text.isascii() and text.isdigit()):
            raise ValueError
        return datetime.fromtimestamp(int(text), UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        raise BadInput(
            f"{_VARIABLE}={text}", "is not a date in seconds since 1970", "for example 1764374400"
        ) from None
