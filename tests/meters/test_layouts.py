"""The layouts of loggers: times, values and units come out as they were written."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from energybench.errors import BadInput
from energybench.meters.readings import Choice, Undecided
from energybench.meters.stretch import Around
from tests.meters.logger_files import BERLIN, KNOWN, T0, UTC, rows, series


@pytest.mark.parametrize("name", KNOWN)
def test_each_layout_gives_the_times_and_watts_that_were_written(tmp_path: Path, name: str) -> None:
    """100.5, 101.5, … W, one second apart from 10:00:00 UTC."""
    content, choice = KNOWN[name]
    meter = series(tmp_path / "m.csv", content, choice, Around(T0 - 60, T0 + 60))
    assert meter.t_s.tolist() == [T0 + i for i in range(4)]
    assert (meter.raw * meter.resolution).tolist() == pytest.approx([100.5 + i for i in range(4)])
    assert meter.kind == "power"
    assert not meter.left_out


@pytest.mark.parametrize(
    ("cells", "watts"),
    [
        (("0,9", "1,25 kW"), [0.9, 1250.0]),
        (("980 W", "1.2 kW"), [980.0, 1200.0]),
        (("1.234,5", "980,0"), [1234.5, 980.0]),
        (("1,234.5", "980.0"), [1234.5, 980.0]),
        (("1'234.5", "980.0"), [1234.5, 980.0]),
        (("1 234,5", "980,0"), [1234.5, 980.0]),
        (("62150 mW", "62250 mW"), [62.15, 62.25]),
        (("1.5e2", "200"), [150.0, 200.0]),
    ],
)
def test_numbers_of_every_country(
    tmp_path: Path, cells: tuple[str, str], watts: list[float]
) -> None:
    """Decimal commas, separated thousands, and units in the cells, which may change."""
    text = f"time;P [W]\n{T0};{cells[0]}\n{T0 + 1};{cells[1]}\n"
    meter = series(tmp_path / "m.csv", text, Choice(), None)
    assert (meter.raw * meter.resolution).tolist() == pytest.approx(watts)


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (("1.234", "980"), "may hold a decimal mark or separate thousands"),
        (("5 W", "7 Wh"), "changes between power and energy"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways_are_refused(
    tmp_path: Path, cells: tuple[str, str], what: str
) -> None:
    """A thousand times too little is the worst of results."""
    text = f"time;P\n{T0};{cells[0]}\n{T0 + 1};{cells[1]}\n"
    with pytest.raises(BadInput, match=what):
        series(tmp_path / "m.csv", text, Choice(unit="W") if "W" not in text else Choice(), None)


def test_a_day_that_may_be_a_month_is_decided_by_the_run(tmp_path: Path) -> None:
    """3/1/2026 is March 1 for a run of March 1 and January 3 for a run of January 3; without a run,
    or with a day above 12, the file decides or is refused.
    """
    path, text = tmp_path / "m.csv", rows("03/01/2026 10:00:0{i},{w}\n", "time,W\n")
    assert series(path, text, UTC, Around(T0 - 60, T0 + 60)).t_s[0] == T0
    january = T0 - 57 * 86400
    assert series(path, text, UTC, Around(january - 60, january + 60)).t_s[0] == january
    with pytest.raises(Undecided, match="may begin with the day or the month"):
        series(path, text, UTC, None)
    stated = UTC._replace(time_format="%m/%d/%Y %H:%M:%S")
    assert series(path, text, stated, None).t_s[0] == T0
    assert series(path, text.replace("03/01", "01/13"), UTC, None).t_s[0] == T0 - 47 * 86400


def test_an_hour_that_the_clock_showed_twice_follows_the_readings_before(tmp_path: Path) -> None:
    """In October in Berlin 02:00 to 03:00 comes twice; a log without a break tells which is which,
    and its times rise through the change. In March the clock skips an hour.
    """
    lines = [f"2026-10-25 02:{m:02d}:00,1\n" for m in range(0, 60, 5)]
    before = [f"2026-10-25 01:{m:02d}:00,1\n" for m in range(30, 60, 5)]
    after = ["2026-10-25 03:00:00,1\n"]
    text = "time,power_w\n" + "".join(before + lines + lines + after)
    meter = series(tmp_path / "m.csv", text, BERLIN, None)
    assert set((meter.t_s[1:] - meter.t_s[:-1]).tolist()) == {300.0}
    with pytest.raises(Undecided, match="was shown twice by the clock of Europe/Berlin") as caught:
        series(tmp_path / "m.csv", "time,power_w\n" + "".join(lines + after), BERLIN, None)
    assert caught.value.options == (("--timezone", "Etc/GMT-2"), ("--timezone", "Etc/GMT-1"))
    # the newest first, and rows that have the time of the row before
    for every in ((before + lines + lines + after)[::-1], [*before, *lines, *lines[-1:], *lines]):
        text = "time,power_w\n" + "".join(every)
        meter = series(tmp_path / "m.csv", text, BERLIN, None)
        assert set((meter.t_s[1:] - meter.t_s[:-1]).tolist()) == {300.0}
    spring = "time,power_w\n2026-03-29 01:59:59,1\n2026-03-29 03:00:00,1\n"
    assert series(tmp_path / "m.csv", spring, BERLIN, None).t_s.tolist() == [
        1_774_745_999,
        1_774_746_000,
    ]


def test_a_log_that_begins_in_the_first_of_two_hours(tmp_path: Path) -> None:
    """The clock goes back within the log, or abbreviations tell: the hours follow each other."""
    first = [f"2026-10-25 02:{m:02d}:00" for m in range(35, 60, 5)]
    second = [f"2026-10-25 02:{m:02d}:00" for m in range(0, 60, 5)]
    begins_s = 1_792_888_500  # 00:35 UTC
    text = "time,power_w\n" + "".join(f"{one},1\n" for one in first + second)
    meter = series(tmp_path / "m.csv", text, BERLIN, None)
    assert meter.t_s.tolist() == [begins_s + 300.0 * i for i in range(17)]
    named = [*(f"{one} CEST" for one in first), *(f"{one} CET" for one in second)]
    for rows_of_a_log in (named, named[5:], named[:5]):
        text = "time,power_w\n" + "".join(f"{one},1\n" for one in rows_of_a_log)
        meter = series(tmp_path / "m.csv", text, BERLIN, None)
        late_s = 1500.0 if rows_of_a_log[0].endswith("CET") else 0.0
        assert meter.t_s[0] == begins_s + late_s
        assert set((meter.t_s[1:] - meter.t_s[:-1]).tolist()) == {300.0}


@pytest.mark.parametrize(
    ("layout", "time_format"),
    [("%Y-%m-%d %H:%M:%S", None), ("%d.%m.%Y %H:%M:%S", None), ("%H:%M:%S|%d|%m|%y", "same")],
)
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("spacing_s", [1, 83, 300])
@pytest.mark.parametrize(
    ("zone", "middle"),
    [
        ("Europe/Berlin", "2026-10-25T01:00:00+00:00"),
        ("Europe/Berlin", "2026-03-29T01:00:00+00:00"),
        ("America/New_York", "2026-11-01T06:00:00+00:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:00:00+00:00"),
    ],
)
def test_a_log_within_the_hour_of_a_change(
    tmp_path: Path,
    zone: str,
    middle: str,
    spacing_s: int,
    newest_first: bool,
    layout: str,
    time_format: str | None,
) -> None:
    """Twenty minutes and more on both sides of the change, all within hours that the clock showed
    twice: its step tells them apart, in either order of the rows.
    """
    start_s = datetime.fromisoformat(middle).timestamp()
    times = [start_s + t for t in range(-1400, 300, spacing_s)]
    lines = [datetime.fromtimestamp(t, ZoneInfo(zone)).strftime(f"{layout},5") for t in times]
    text = "\n".join(["time,power_w", *(lines[::-1] if newest_first else lines)])
    choice = Choice(timezone=zone, time_format=layout if time_format else None)
    meter = series(tmp_path / "m.csv", text, choice, Around(start_s - 3600, start_s + 3600))
    assert meter.t_s.tolist() == times


def test_a_hole_in_a_log_of_the_newest_first_is_no_change(tmp_path: Path) -> None:
    """All rows lie in one of the two hours: nothing tells which."""
    rows_of_a_log = [f"2026-10-25 02:{m:02d}:00,1" for m in (58, 57, 56, 12, 11, 10)]
    text = "\n".join(["time,power_w", *rows_of_a_log])
    with pytest.raises(Undecided, match="was shown twice"):
        series(tmp_path / "m.csv", text, BERLIN, None)


@pytest.mark.parametrize(
    ("zone", "local", "zones"),
    [
        ("America/New_York", "2026-11-01 01:30:00", ("Etc/GMT+4", "Etc/GMT+5")),
        ("Europe/London", "2026-10-25 01:30:00", ("Etc/GMT-1", "UTC")),
        ("Australia/Lord_Howe", "2026-04-05 01:45:00", ("Etc/GMT-11",)),
        ("America/St_Johns", "2026-11-01 01:30:00", ()),
        ("Europe/Berlin", "2026-03-29 02:30:00", ("Etc/GMT-1", "Etc/GMT-2")),
    ],
)
def test_an_hour_that_came_twice_or_never_is_read_in_zones_of_one_offset(
    tmp_path: Path, zone: str, local: str, zones: tuple[str, ...]
) -> None:
    text = f"time,power_w\n{local},1\n{local}.5,1\n"
    with pytest.raises(Undecided, match=r"was (shown twice|never shown) by the clock") as caught:
        series(tmp_path / "m.csv", text, Choice(timezone=zone), None)
    assert sorted(caught.value.options) == sorted(("--timezone", one) for one in zones)
    assert all(one in caught.value.remedy for one in ("log in UTC", *zones))


@pytest.mark.parametrize(
    ("ahead_h", "zone"), [(0, "UTC"), (1, "Etc/GMT-1"), (-8, "Etc/GMT+8"), (5.5, "Asia/Kolkata")]
)
def test_a_missing_zone_is_suggested_by_the_time_of_the_run(
    tmp_path: Path, ahead_h: float, zone: str
) -> None:
    """The zone in which the file's times are near the run comes first, and is one that exists."""
    lines = [
        datetime.fromtimestamp(T0 + 3600 * ahead_h + i, ZoneInfo("UTC")).strftime("%F %T,5")
        for i in range(9)
    ]
    text = "\n".join(["time,power_w", *lines])
    around = Around(T0 - 600, T0 + 900)
    with pytest.raises(Undecided, match="has no zone") as caught:
        series(tmp_path / "m.csv", text, Choice(), around)
    assert caught.value.options[0] == ("--timezone", zone)
    assert series(tmp_path / "m.csv", text, Choice(timezone=zone), around).t_s[0] == T0


def test_offsets_that_are_written_may_change(tmp_path: Path) -> None:
    """A time with its offset is one moment, whatever the offset of the line before."""
    text = "time,power_w\n2026-03-01T10:00:00Z,1\n2026-03-01T11:00:01+01:00,2\n"
    assert series(tmp_path / "m.csv", text, Choice(), None).t_s.tolist() == [T0, T0 + 1]


def test_of_two_files_in_one_the_piece_of_the_run_is_taken(tmp_path: Path) -> None:
    """A logger that was started again on another day appends to the old file, header and all; a
    clock that was set back within the run is refused with its line.
    """
    late = "time,power_w\n" + "".join(f"{T0 + 86400 + i},7\n" for i in range(5))
    text = late + rows("{t},{w}\n", "time,power_w\n")
    meter = series(tmp_path / "m.csv", text, Choice(), Around(T0 - 60, T0 + 60))
    assert meter.t_s.tolist() == [T0 + i for i in range(4)]
    back = rows("{t},{w}\n", "time,power_w\n") + f"{T0 + 1},5\n{T0 + 2},5\n"
    with pytest.raises(BadInput, match=r"line 6: time goes back by 2 s"):
        series(tmp_path / "m.csv", back, Choice(), Around(T0 - 60, T0 + 60))


def test_the_newest_reading_may_come_first(tmp_path: Path) -> None:
    """Times that stand twice, too; the readings are in ascending time, with their lines."""
    times = [T0 + i for i in range(12)]
    text = "time,power_w\n" + "".join(f"{t},{t - T0 + 5}\n" for t in reversed(times))
    meter = series(tmp_path / "m.csv", text, Choice(), Around(T0 - 60, T0 + 60))
    assert meter.t_s.tolist() == times
    assert meter.raw.tolist() == [5 + i for i in range(12)]
    assert meter.places.tolist() == list(range(13, 1, -1))
    twice = text.replace(f"{T0 + 7},12\n", f"{T0 + 7},12\n" * 2)
    meter = series(tmp_path / "m.csv", twice, Choice(), Around(T0 - 60, T0 + 60))
    assert meter.t_s.tolist() == times


@pytest.mark.parametrize("stray", [T0 + 5000, T0 - 5000])
def test_a_single_time_out_of_order_is_left_out(tmp_path: Path, stray: int) -> None:
    """A clock that was set stays set: only a row between two that follow each other is a stray."""
    lines = [f"{T0 + i},5\n" for i in range(30)]
    lines[17] = f"{stray},5\n"
    text = "time,power_w\n" + "".join(lines)
    meter = series(tmp_path / "m.csv", text, Choice(), Around(T0 - 60, T0 + 60))
    assert meter.t_s.tolist() == [T0 + i for i in range(30) if i != 17]
    assert [row.place for row in meter.left_out] == [19]
    for back in (1.5, 3.5, 20.0):
        lines = [f"{T0 + i - (back if i >= 17 else 0)},5\n" for i in range(60)]
        text = "time,power_w\n" + "".join(lines)
        with pytest.raises(BadInput, match="line 19: time goes back by"):
            series(tmp_path / "m.csv", text, Choice(), Around(T0 - 60, T0 + 60))
