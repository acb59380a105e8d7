"""Formats and years that no clock of a meter shows: refused with the option or the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.meters.readings import Choice
from energybench.meters.stretch import Around
from tests.meters.logger_files import T0, series

_TWO = f"time,power_w\n{T0},5\n{T0 + 1},6\n"


@pytest.mark.parametrize(
    ("layout", "what"),
    [
        ("%Y%Y", "names %Y 2 times"),
        ("%d%d", "names %d 2 times"),
        ("%Y-%m-%dT%H:%M:%S%S", "names %S 2 times"),
        ("%c%Y", "names a part of the time twice"),
        ("%x %X %H", "names a part of the time twice"),
        ("%Q", "%Q is not a directive"),
        ("%Y-%", "% is not a directive"),
        ("%-d", "%- is not a directive"),
        ("%999999999d", "%9 is not a directive"),
        ("%s", "%s is not a directive"),
    ],
)
def test_a_format_that_cannot_be_read_names_the_option(
    tmp_path: Path, layout: str, what: str
) -> None:
    with pytest.raises(BadInput) as refused:
        series(tmp_path / "m.csv", _TWO, Choice(time_format=layout), None)
    assert refused.value.where == f"--time-format {layout}"
    assert what in refused.value.what


@pytest.mark.parametrize("layout", ["%", "(", "[%Y", "%%%Y", "%G-%V-%u", "%j", "", "\\", "%p"])
def test_a_format_of_another_time_is_one_line(tmp_path: Path, layout: str) -> None:
    with pytest.raises(BadInput):
        series(tmp_path / "m.csv", _TWO, Choice(time_format=layout), None)


@pytest.mark.parametrize("year", ["0001", "1899", "1999", "2100", "9999"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("day", ["01-01", "12-31"])
@pytest.mark.parametrize("layout", [None, "%Y-%m-%d %H:%M:%S"])
def test_a_year_that_no_meter_shows_names_its_line(
    tmp_path: Path, year: str, zone: str, day: str, layout: str | None
) -> None:
    rows = [f"{year}-{day} {clock},5" for clock in ("00:00:01", "00:00:02", "23:59:59")]
    choice = Choice(timezone=zone, time_format=layout)
    with pytest.raises(BadInput) as refused:
        series(tmp_path / "m.csv", "\n".join(["time,power_w", *rows]), choice, Around(T0, T0 + 9))
    assert refused.value.where.endswith("m.csv line 2")
    assert "is not between 2000 and 2100" in refused.value.what
