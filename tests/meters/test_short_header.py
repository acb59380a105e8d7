"""Files whose header has fewer cells than their rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.meters.readings import Choice, Undecided
from tests.meters.logger_files import T0, UTC, rows, series

CLOCK = "2026-03-01 10:00:0{i}"


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("time,power_kw\n", CLOCK + ",0,3{i}18\n"),
        ("time,power_w\n", CLOCK + ",{c}\n"),
        ("time,power_w\n", "{t},{c}\n"),
        ("time,Energy (kWh)\n", CLOCK + ",12,31{i}4\n"),
        ("time,power_w,energy_wh\n", CLOCK + ",{c},12,34{i}\n"),
        ("time,power_w,energy_wh\n", CLOCK + ",{c},12{i}\n"),
        ("time,power_w,energy_wh\n", CLOCK + ",{n},12,34{i}\n"),
        ("Datum,Zeit,Leistung (W)\n", "01.03.2026,10:00:0{i},{c}\n"),
        ("time,power_w\n", CLOCK + ",1,23{i}.5\n"),
        ("device X\ntime,power_w\n", CLOCK + ",{c}\n"),
        # milliseconds of a time and watts of a number look alike
        ("time,power_w\n", CLOCK + ",123,{n}\n"),
        ("time,power_w\n", CLOCK + ",123,{c}\n"),
    ],
)
@pytest.mark.parametrize("choice", [UTC, UTC._replace(column="2"), UTC._replace(unit="W")])
def test_an_unquoted_comma_in_the_numbers_is_named(
    tmp_path: Path, head: str, line: str, choice: Choice
) -> None:
    """No option reads the file, whatever a person states, and none is suggested."""
    with pytest.raises(BadInput, match="the comma stands in the numbers") as refusal:
        series(tmp_path / "m.csv", rows(line, head, 9), choice, None)
    assert not isinstance(refusal.value, Undecided)
    assert "line " in refusal.value.where


@pytest.mark.parametrize(
    ("head", "line", "first_s"),
    [
        ("time,power_w\n", CLOCK + ",{w},\n", 0.0),
        ("time,power_w,\n", CLOCK + ",{w},\n", 0.0),
        ("time,power_w\n", CLOCK + ',"{c}"\n', 0.0),
        ("time;power_w\n", CLOCK + ";{c}\n", 0.0),
        ('"time","power_w"\n', '"{n}","' + CLOCK + '",{w}\n', 0.0),
        ('"","time","power_w"\n', '"{n}","' + CLOCK + '",{w}\n', 0.0),
        ("time,power_w\n", CLOCK + ",123,{w}\n", 0.123),
        ("time,power_w,energy_wh\n", CLOCK + ",023,{w},5\n", 0.023),
        ("device,X,7\ntime,power_w\n", CLOCK + ",{w}\n", 0.0),
    ],
)
def test_such_files_are_read(tmp_path: Path, head: str, line: str, first_s: float) -> None:
    choice = UTC._replace(column="power_w")
    meter = series(tmp_path / "m.csv", rows(line, head, 9), choice, None)
    assert (meter.raw * meter.resolution).tolist() == [100.5 + i for i in range(9)]
    assert meter.t_s[0] == pytest.approx(T0 + first_s, abs=1e-6)


def test_row_names_keep_the_unit_of_the_header(tmp_path: Path) -> None:
    text = rows('"{n}","' + CLOCK + '",0.{n}\n', '"time","power_kw"\n', 9)
    meter = series(tmp_path / "m.csv", text, UTC, None)
    assert meter.raw[0] * meter.resolution == pytest.approx(100.0)


def test_milliseconds_of_a_time_with_a_zone(tmp_path: Path) -> None:
    text = rows("2026-03-01T10:00:0{i},123Z,{n}\n", "time,power_w\n", 9)
    meter = series(tmp_path / "m.csv", text, Choice(), None)
    assert meter.t_s[0] == pytest.approx(T0 + 0.123, abs=1e-6)
    assert meter.raw[0] * meter.resolution == 100.0


@pytest.mark.parametrize(
    "line", [CLOCK + ",083,{w}\n", CLOCK + ",083,{n},45.2\n", CLOCK + ",083,{w},7\n"]
)
def test_milliseconds_behind_a_comma_in_a_log_without_a_header(tmp_path: Path, line: str) -> None:
    choice = UTC._replace(unit="W", column="2")
    meter = series(tmp_path / "m.csv", rows(line, "", 9), choice, None)
    assert meter.t_s[0] == pytest.approx(T0 + 0.083, abs=1e-6)
    assert meter.raw[0] * meter.resolution == pytest.approx(100.0, abs=0.5)


@pytest.mark.parametrize("line", [CLOCK + ",{n},45.2\n", CLOCK + ",{n},8\n", CLOCK + ",123,{n}\n"])
def test_a_log_without_a_header_has_two_columns_of_numbers(tmp_path: Path, line: str) -> None:
    """Three digits are milliseconds only if some begin with a zero, as no number does."""
    with pytest.raises(Undecided, match="has 2 value columns"):
        series(tmp_path / "m.csv", rows(line, "", 9), UTC, None)


def test_columns_behind_the_named_ones_are_passed_by(tmp_path: Path) -> None:
    """A state without a name is not a part of a number."""
    choice = UTC._replace(column="2", unit="W")
    for cells in ("{w},OK", "{n},OK", "{w},12"):
        text = rows(CLOCK + f",{cells}\n", "time,power_w\n", 9)
        assert series(tmp_path / "m.csv", text, choice, None).raw.size == 9
