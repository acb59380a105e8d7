"""Values of a meter, one by one: a failed reading is left out and named, never taken as power."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice
from energybench.meters.series import MeterSeries
from energybench.meters.stretch import Around

T0 = 1_772_359_200


def series(tmp_path: Path, values: list[str], head: str = "time,power_w") -> MeterSeries:
    path = tmp_path / "m.csv"
    lines = [head, *(f"{T0 + i},{value}" for i, value in enumerate(values))]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return read(path, Choice(), Around(T0 - 60, T0 + 600, 15_000.0))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("65535", "65535 stands for a failed reading"),
        ("32767", "32767 stands for a failed reading"),
        ("3276.7", "3276.7 stands for a failed reading"),
        ("4294967295", "4294967295 stands for a failed reading"),
        ("4294967.295", "4294967.295 stands for a failed reading"),
        ("-1", "-1 stands for a failed reading"),
        ("6553.5", "6553.5 stands for a failed reading"),
        ("9999", "9999 stands for a failed reading"),
        ("3.2e6", "3.2e6 is above 15000 W"),
        ("-5", "the value is negative (-5)"),
        ("0", "0 W between 500 and 500"),
        ("0.0", "0 W between 500 and 500"),
        ("", "'' is not a number"),
        ("[N/A]", "'[N/A]' is not a number"),
        ("NaN", "the value is NaN, not a finite number"),
        ("1e999999", "'1e999999' is not a number"),
        ("0xFFFF", "'0xFFFF' is not a number"),
        ("5 hp", "'5 hp' is in 'hp', not a unit of power or energy"),
    ],
)
def test_a_failed_reading_is_left_out_with_its_line_and_value(
    tmp_path: Path, value: str, reason: str
) -> None:
    """Alone among readings of 500 W; its neighbours stay."""
    meter = series(tmp_path, ["500"] * 5 + [value] + ["500"] * 5)
    assert (meter.raw * meter.resolution).tolist() == pytest.approx([500.0] * 10)
    assert [row.place for row in meter.left_out] == [7]
    assert meter.left_out[0].reason.startswith(reason)


@pytest.mark.parametrize("value", ["65535", "6553.5", "655.35", "32767", "3276.7", "9999"])
@pytest.mark.parametrize("rows", [1, 2, 4, 9])
def test_a_meter_that_fails_for_several_rows(tmp_path: Path, value: str, rows: int) -> None:
    """A row of sentinels does not make them readings; the readings around them are of 60 W."""
    meter = series(tmp_path, ["60"] * 50 + [value] * rows + ["60"] * 50)
    assert meter.t_s.size == 100
    assert [row.reason for row in meter.left_out] == [f"{value} stands for a failed reading"] * rows


@pytest.mark.parametrize("value", ["65535", "6553.5", "655.35", "3276.7"])
def test_a_file_of_sentinels_alone_is_named_as_such(tmp_path: Path, value: str) -> None:
    """A constant word of a register is no power."""
    with pytest.raises(BadInput, match=rf"line 2: {value} stands for a failed reading"):
        series(tmp_path, [value] * 4)


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        (["60", "61", "5000", "60", "62"], [4]),
        (["60", "61", "600", "60", "62"], []),  # not ten times 61
        (["60", "61", "611", "60", "62"], [4]),
        (["60", "5000", "5000", "60"], []),  # two readings of a load
        (["60", "5000", "5100", "5000", "60"], []),
        (["60", "5000", "2000", "60"], []),  # on its way down
        (["0", "5000", "0", "0"], []),  # a load that is switched on and off
    ],
)
def test_a_reading_far_above_both_neighbours_stays_with_a_doubt(
    tmp_path: Path, values: list[str], lines: list[int]
) -> None:
    """Ten times both, and alone."""
    meter = series(tmp_path, values)
    assert meter.t_s.size == len(values)
    assert [row.place for row in meter.spikes] == lines


@pytest.mark.parametrize(
    "values",
    [
        ["327.67", "330", "325", "327.67"],  # the digits of a sentinel, among its like
        ["60", "60", "400", "60", "60"],  # a short burst
        ["5", "0", "0", "5", "4"],  # a load that hardly draws power
        ["0"] * 12 + ["500"] * 12,  # a node that was switched on
    ],
)
def test_readings_that_a_load_explains_stay(tmp_path: Path, values: list[str]) -> None:
    """Only what no load does is left out."""
    meter = series(tmp_path, values)
    assert (meter.raw * meter.resolution).tolist() == pytest.approx([float(v) for v in values])
    assert not meter.left_out


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (["500", "n/a"] * 10, r"line 3: 'n/a' is not a number, and 9 more of 20 rows"),
        (["-500"] * 20, r"line 2: the value is negative .*exchange the meter's terminals"),
        (["n/a"] * 3, r"line 2: 'n/a' is not a number; holds 0 readings"),
    ],
)
def test_many_failed_readings_refuse_the_file(tmp_path: Path, values: list[str], what: str) -> None:
    """With the first line, and how many there are."""
    with pytest.raises(BadInput, match=what):
        series(tmp_path, values)


def test_a_row_that_stands_twice_counts_once(tmp_path: Path) -> None:
    """As does a second reading of one time, if it is an exception."""
    path = tmp_path / "m.csv"
    lines = ["time,power_w", *(f"{T0 + i},5" for i in range(20))]
    path.write_text("\n".join([*lines[:9], lines[8], *lines[9:]]), "utf-8")
    meter = read(path, Choice())
    assert meter.t_s.size == 20
    assert [row.place for row in meter.left_out] == [10]


def test_a_row_of_another_length_is_left_out(tmp_path: Path) -> None:
    """The last line of a log is often cut off, or the first after a crash."""
    meter = series(tmp_path, ["5"] * 12 + ["5,6,7"] + ["5"] * 12)
    assert meter.t_s.size == 24
    assert meter.left_out[0].reason == "has 4 columns, the header 2"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("0", "the energy falls to 0 for one"),
        ("65535", "the energy rises to 65535 for one"),
        ("4294967295", "the energy jumps to 4294967295"),
    ],
)
def test_a_counter_may_miss_a_reading(tmp_path: Path, bad: str, reason: str) -> None:
    """A single reading out of the rise; a counter that starts anew is refused."""
    values = [str(1000 + 10 * i) for i in range(12)]
    values[6] = bad
    meter = series(tmp_path, values, "time,energy_j")
    assert [row.place for row in meter.left_out] == [8]
    assert meter.left_out[0].reason.startswith(reason)
    values = [str(10 * i % 60 + 100) for i in range(12)]
    with pytest.raises(
        BadInput, match=r"line 8: column 'energy_j': the energy falls from 150 to 100"
    ):
        series(tmp_path, values, "time,energy_j")


def loaded(every: int, value: str, load_w: float = 636.0) -> list[str]:
    """Idle and load with noise, and a value in every so many rows."""
    chance = random.Random(3)
    watts = [chance.gauss(load_w if 30 <= i < 150 else load_w / 3, 4.0) for i in range(180)]
    return [value if i % every == 5 else f"{w:.1f}" for i, w in enumerate(watts)]


@pytest.mark.parametrize("value", ["999.9", "655.35", "9999", "3276.7"])
@pytest.mark.parametrize("every", [11, 17])
def test_a_sentinel_is_left_out_everywhere(tmp_path: Path, value: str, every: int) -> None:
    """Also in a load that is like it, for it stands between readings of the idle node as well."""
    rows = loaded(every, value)
    meter = series(tmp_path, rows)
    assert len(meter.left_out) == rows.count(value) > 9
    assert not meter.recurring


@pytest.mark.parametrize("value", ["1000", "999", "500", "88.8"])
@pytest.mark.parametrize("every", [11, 40])
def test_a_value_that_comes_back_alone_is_named_and_stays(
    tmp_path: Path, value: str, every: int
) -> None:
    """With the number of its rows; nobody knows whether it is a reading."""
    rows = loaded(every, value)
    meter = series(tmp_path, rows)
    named = [(found.text, len(found.places)) for found in meter.recurring]
    assert named == [(value, rows.count(value))]
    assert not meter.left_out


def test_loads_that_jump_have_no_value_that_comes_back(tmp_path: Path) -> None:
    """Peaks that vary as other readings do, levels without noise, and readings in coarse steps."""
    chance = random.Random(5)
    peaks = [f"{chance.gauss(1000.0 if i % 11 == 5 else 500.0, 4.0):.0f}" for i in range(300)]
    exact = ["900.0" if i % 4 == 0 else "300.0" for i in range(100)]
    coarse = [f"{100 * round(float(peak) / 100)}" for peak in peaks]
    for rows in (peaks, exact, coarse):
        assert series(tmp_path, rows).recurring == ()


@pytest.mark.parametrize("every", [2, 7])
def test_a_row_that_repeats_the_row_before_is_left_out(tmp_path: Path, every: int) -> None:
    """However many there are; another value with the same time is a fault of the clock."""
    path = tmp_path / "m.csv"
    rows = [f"{T0 + i},{100 + i}" for i in range(60)]
    twice = [row for i, row in enumerate(rows) for row in [row] * (2 if i % every == 0 else 1)]
    path.write_text("\n".join(["time,power_w", *twice]), "utf-8")
    meter = read(path, Choice())
    assert (meter.raw * meter.resolution).tolist() == [100.0 + i for i in range(60)]
    assert {row.reason for row in meter.left_out} == {"repeats the row before, with its time"}
    assert len(meter.left_out) == len(twice) - 60

    changed = [row for i, row in enumerate(rows) for row in [row] + [f"{T0 + i},9"] * (i % 2)]
    path.write_text("\n".join(["time,power_w", *changed]), "utf-8")
    with pytest.raises(BadInput, match="line 4: has the same time as the reading before"):
        read(path, Choice())
