"""Times of a meter's file, to seconds since 1970.

A time of unknown zone is refused, and a time that the zone's clock showed twice or never, unless
the readings before tell which.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from energybench.errors import BadInput
from energybench.meters import moments, time_format
from energybench.meters.moments import Moment
from energybench.meters.readings import Choice, NotATime, Undecided

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
# 2000 to 2100: tells s since 1970 from ms, µs and ns, and each from elapsed time
_EARLIEST_S, _LATEST_S = 946_684_800, 4_102_444_800
_EPOCHS = (
    ("s since 1970", 1),
    ("ms since 1970", 1_000),
    ("µs since 1970", 1_000_000),
    ("ns since 1970", 1_000_000_000),
)
# a zone of each offset, in hours; the Etc names have the sign of POSIX: Etc/GMT-1 is ahead of UTC
_FIXED_H = {
    "UTC": 0.0,
    **{f"Etc/GMT{-hours:+d}": float(hours) for hours in range(-12, 15) if hours},
}
_OFFSETS_H = {
    **_FIXED_H,
    "America/St_Johns": -3.5,
    "Asia/Tehran": 3.5,
    "Asia/Kabul": 4.5,
    "Asia/Kolkata": 5.5,
    "Asia/Kathmandu": 5.75,
    "Asia/Yangon": 6.5,
    "Australia/Darwin": 9.5,
}
# a reading that the clock showed twice follows the reading before within this time
_FOLLOWS_S = 600.0
# clocks are set back by half an hour at least (Lord Howe Island)
_CHANGES_BY = timedelta(minutes=20)
# Days since 1899-12-30, as spreadsheets write a date and time that lost its format. Whole numbers,
# and numbers far from the run, may count the seconds of a log.
_DAYS, _DAY_ZERO, _DAY_S, _NEAR_DAYS = "days since 1899-12-30", datetime(1899, 12, 30), 86_400, 3
_EXAMPLES = "2026-11-23T10:00:00Z, 2026/11/23 10:00:00.000, or s, ms, µs or ns since 1970"


class Times:
    """The times of one file, of a single kind. Texts are given in the order of the file.

    near_s  a time of the run, s since 1970: decides between day and month of 03/01/2026
    """

    def __init__(
        self,
        path: str,
        choice: Choice,
        word: str = "line",
        *,
        month_first: bool | None = None,
        near_s: float | None = None,
    ) -> None:
        self._path, self._word = path, word
        self._name, self._format = choice.timezone, choice.time_format
        self._zone = _zone(choice.timezone)
        self._month_first, self._near_s = month_first, near_s
        self._kind: str | None = None
        self._last_s: float | None = None

    def prepare(self, texts: Sequence[str]) -> None:
        """Learn from all texts whether the month stands first in dates such as 03/13/2026, and in
        which of two hours a log begins that the clock showed twice.
        """
        if self._month_first is None:
            day_first = moments.day_before_month(list(texts))
            self._month_first = None if day_first is None else not day_first
        if self._zone is not None:
            self._last_s = _beside_first((self._local_of(text) for text in texts), self._zone)

    def _local_of(self, text: str) -> datetime | None:
        """The local time of a text without a zone; None: another text."""
        text = text.strip()
        if self._format is not None:
            read = time_format.moment(text, self._format)
            return read if read is not None and read.tzinfo is None and _in_range(read) else None
        if _NUMBER.fullmatch(text) and not re.fullmatch(r"20\d{12}", text):
            return self._day(Decimal(text.replace(",", ".")), fraction=True)
        moment = moments.moment(text, month_first=self._month_first)
        if moment is None or moment.zone is not None:
            return None
        if moment.either is not None and self._near_s is None:
            return None
        local = self._one_date(moment, text, self._path).local
        return local if _in_range(local) else None

    def of(self, text: str, place: int) -> float:
        """Seconds since 1970. Raises BadInput."""
        where = f"{self._path} {self._word} {place}"
        text = text.strip()
        if self._format is not None:
            self._last_s = self._moment(self._formatted(text, where), text, where)
        elif _NUMBER.fullmatch(text) and not re.fullmatch(r"20\d{12}", text):
            self._last_s = self._epoch(text, where)
        else:
            read = moments.moment(text, month_first=self._month_first)
            if read is None:
                raise NotATime(where, f"{text[:40]!r} is not a time", _EXAMPLES)
            self._last_s = self._moment(read, text, where)
        return self._last_s

    def _formatted(self, text: str, where: str) -> Moment:
        read = time_format.moment(text, self._format or "")
        if read is None:
            raise NotATime(
                where,
                f"{text[:40]!r} is not a time of --time-format {self._format}",
                "Python's strptime: %Y-%m-%d %H:%M:%S.%f",
            )
        return Moment(read.replace(tzinfo=None), read.tzinfo)

    def _epoch(self, text: str, where: str) -> float:
        value = Decimal(text.replace(",", "."))
        for kind, divisor in _EPOCHS:
            if _EARLIEST_S <= value / divisor <= _LATEST_S:
                self._same(kind, where)
                return float(value / divisor)
        day = self._day(value)
        if day is not None:
            self._same(_DAYS, where)
            return self._local(Moment(day), text, where)
        raise NotATime(
            where,
            f"{text[:40]} is neither s, ms, µs nor ns since 1970 (2000 to 2100)",
            "times of the clock, not since the log began: --time-column NAME, if another column "
            "has them",
        )

    def _day(self, value: Decimal, *, fraction: bool = False) -> datetime | None:
        """The local time of a spreadsheet's number of days; None: another number. fraction: of a
        file whose kind is not known yet.
        """
        if self._near_s is None or (value == int(value) and (fraction or self._kind != _DAYS)):
            return None
        seconds_of_day_zero = _DAY_ZERO.replace(tzinfo=UTC).timestamp()
        days = Decimal((self._near_s - seconds_of_day_zero) / _DAY_S)
        if abs(value - days) > _NEAR_DAYS:
            return None
        return _DAY_ZERO + timedelta(microseconds=round(value * _DAY_S * 1_000_000))

    def _moment(self, read: Moment, text: str, where: str) -> float:
        read = self._one_date(read, text, where)
        if not _in_range(read.local):
            raise NotATime(
                where,
                f"the year of {text[:40]!r} is not between 2000 and 2100",
                "set the meter's clock, and log again",
            )
        if read.zone is not None:
            self._same("times with a zone", where)
            return read.local.replace(tzinfo=read.zone).timestamp()
        self._same("times without a zone", where)
        return self._local(read, text, where)

    def _one_date(self, read: Moment, text: str, where: str) -> Moment:
        """Day and month as the run's date decides, where both orders are dates."""
        if read.either is None:
            return read
        if self._near_s is None:
            formats = [("--time-format", f"%{a}/%{b}/%Y %H:%M:%S") for a, b in ("dm", "md")]
            raise Undecided(
                where,
                f"{text[:40]!r} may begin with the day or the month",
                "--time-format, with %d for the day and %m for the month",
                formats,
            )
        run = datetime.fromtimestamp(self._near_s, UTC).replace(tzinfo=None)
        closest = min((read.local, read.either), key=lambda moment: abs(moment - run))
        return read._replace(local=closest, either=None)

    def _same(self, kind: str, where: str) -> None:
        if self._kind is None:
            self._kind = kind
        elif kind != self._kind:
            raise BadInput(
                where,
                f"times change from {self._kind} to {kind}",
                "one kind of time throughout the file: cut the file",
            )

    def _local(self, read: Moment, text: str, where: str) -> float:
        if self._zone is None:
            what = f"{text[:40]!r} has no zone"
            if self._kind == _DAYS:
                what = f"{text[:40]!r} is a spreadsheet's number of days, and has no zone"
            if read.abbreviation:
                what = f"{read.abbreviation!r} in {text[:40]!r} is not one zone of the world"
            options = [("--timezone", name) for name in likely_zones(read.local, self._near_s)]
            raise Undecided(
                where, what, "--timezone NAME (Europe/Berlin, UTC), or log with Z", options
            )
        moment = read.local
        early, late = (moment.replace(tzinfo=self._zone, fold=fold) for fold in (0, 1))
        if early.utcoffset() == late.utcoffset():
            return early.timestamp()
        twice = _shown_twice(moment, self._zone)
        if twice:
            named = [one for one in (early, late) if one.tzname() == read.abbreviation]
            if named:
                return named[0].timestamp()
            for one in (early.timestamp(), late.timestamp()):
                # a log of the newest first goes back in time
                if self._last_s is not None and abs(one - self._last_s) < _FOLLOWS_S:
                    return one
        what = "was shown twice by the clock" if twice else "was never shown by the clock"
        # a zone of one offset reads each of the two hours
        zones = [zone for one in (early, late) if (zone := _of_offset(one.utcoffset())) is not None]
        remedy = "log in UTC"
        if zones:
            remedy += f"; --timezone {' or '.join(zones)} reads a file of one offset from UTC"
        raise Undecided(
            where,
            f"{text[:40]} {what} of {self._name}: daylight saving changed",
            remedy,
            [("--timezone", zone) for zone in zones],
        )


def _in_range(local: datetime) -> bool:
    """Whether a meter's clock may show this year."""
    return 2000 <= local.year < 2100


def _beside_first(locals_: Iterable[datetime | None], zone: ZoneInfo) -> float | None:
    """A time beside the first of a log, s since 1970, if the log begins in an hour that the clock
    showed twice, and the clock was set back within it: a log of the oldest first then begins in the
    first of the two hours, and a log of the newest first in the second. None: another log.
    """
    leading: list[datetime] = []
    for local in locals_:
        if local is None:
            if not leading:
                return None
            continue
        if not _shown_twice(local, zone):
            break
        leading.append(local)
    steps = [after - before for before, after in pairwise(leading)]
    ahead = sum(timedelta(0) < step <= _CHANGES_BY for step in steps)
    back = sum(-_CHANGES_BY <= step < timedelta(0) for step in steps)
    if back <= ahead and any(step < -_CHANGES_BY for step in steps):
        return leading[0].replace(tzinfo=zone, fold=0).timestamp() - 1.0
    if back > ahead and any(step > _CHANGES_BY for step in steps):
        return leading[0].replace(tzinfo=zone, fold=1).timestamp() + 1.0
    return None


def _shown_twice(local: datetime, zone: ZoneInfo) -> bool:
    early, late = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    back = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    same = early.utcoffset() == late.utcoffset()
    return not same and abs(back - local) < timedelta(microseconds=1)


def _of_offset(offset: timedelta | None) -> str | None:
    """A zone that is always this far from UTC, or None."""
    hours = offset.total_seconds() / 3600 if offset is not None else math.nan
    return next((name for name, ahead_h in _FIXED_H.items() if ahead_h == hours), None)


def likely_zones(local: datetime, near_s: float | None) -> list[str]:
    """Zones in which the local time is near the run's time; without a run, UTC."""
    if near_s is None:
        return ["UTC"]
    ahead_h = (local.replace(tzinfo=UTC).timestamp() - near_s) / 3600
    return sorted(_OFFSETS_H, key=lambda name: abs(_OFFSETS_H[name] - ahead_h))[:4]


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
