"""Times of a meter's file, to seconds since 1970.

A time of unknown zone is refused, and a time that the zone's clock showed twice or never.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from energybench.errors import BadInput

_NUMBER = re.compile(r"\d+(\.\d+)?")
# 2000 to 2100: tells s since 1970 from ms, and either from elapsed time
_EARLIEST_S, _LATEST_S = 946_684_800.0, 4_102_444_800.0


class Times:
    """The times of one file, of a single kind and zone. timezone: of times without a zone (IANA
    name).
    """

    def __init__(self, path: str, timezone: str | None, word: str = "line") -> None:
        self._path, self._word, self._name = path, word, timezone
        self._zone = _zone(timezone)
        self._kind: str | None = None

    def of(self, text: str, place: int) -> float:
        """Seconds since 1970. Raises BadInput."""
        where = f"{self._path} {self._word} {place}"
        if _NUMBER.fullmatch(text):
            return self._epoch(float(text), text, where)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise BadInput(
                where,
                f"{text[:40]!r} is not a time",
                "ISO 8601 (2026-11-23T10:00:00Z), or s or ms since 1970",
            ) from None
        offset = moment.utcoffset()
        if offset is None:
            self._same("no zone", where)
            return self._local(moment, text, where)
        self._same(f"zone {moment.strftime('%z')}", where)
        return moment.timestamp()

    def _epoch(self, value: float, text: str, where: str) -> float:
        for kind, divisor in (("s since 1970", 1.0), ("ms since 1970", 1000.0)):
            if _EARLIEST_S <= value / divisor <= _LATEST_S:
                self._same(kind, where)
                return value / divisor
        raise BadInput(
            where,
            f"{text[:40]} is neither s nor ms since 1970 (2000 to 2100)",
            "times of the clock, not since the log began",
        )

    def _same(self, kind: str, where: str) -> None:
        if self._kind is None:
            self._kind = kind
        elif kind != self._kind:
            raise BadInput(
                where,
                f"times change from {self._kind} to {kind}",
                "one zone throughout the file: log in UTC, or cut the file where daylight saving "
                "changes",
            )

    def _local(self, moment: datetime, text: str, where: str) -> float:
        if self._zone is None:
            raise BadInput(
                where,
                f"{text[:40]!r} has no zone",
                "--timezone NAME (Europe/Berlin, UTC), or log with Z",
            )
        early, late = (moment.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        if early.utcoffset() != late.utcoffset():
            back = early.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None)
            twice = abs(back - moment) < timedelta(microseconds=1)
            what = "was shown twice by the clock" if twice else "was never shown by the clock"
            raise BadInput(
                where,
                f"{text[:40]} {what} of {self._name}: daylight saving changed",
                "log in UTC, or cut these lines out",
            )
        return early.timestamp()


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        raise BadInput(
            f"--timezone {name}",
            "is not a time zone",
            "an IANA name: UTC, Europe/Berlin, America/New_York",
        ) from None
