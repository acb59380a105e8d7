"""Columns that count rows, and milliseconds in a column of their own, as analysers write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from energybench.errors import BadInput
from energybench.meters import constant_counter
from energybench.meters.clock_offset import RunPower
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice, Undecided

T0 = 1_772_359_200  # 2026-03-01T10:00:00Z


def numbered(tmp_path: Path, name: str, *, count: int = 30, step: int = 1) -> Path:
    path = tmp_path / "m.csv"
    lines = [f"{i * step + 7},{T0 + i},{100 + i % 7},230.1" for i in range(count)]
    path.write_text("\n".join([f"{name},time,P1,U1", *lines]) + "\n", "utf-8")
    return path


@pytest.mark.parametrize(
    "name",
    ["Store No.", "No.", "index", "Sample", "Record", "Seq", "id", "Lfd. Nr.", "Zeile", "row_id"],
)
@pytest.mark.parametrize("step", [1, 2])
def test_a_column_that_counts_rows_is_no_candidate(tmp_path: Path, name: str, step: int) -> None:
    path = numbered(tmp_path, name, step=step)
    with pytest.raises(Undecided, match="column 'P1' has no unit") as refusal:
        read(path, Choice())
    assert refusal.value.options[0] == ("--unit", "W")
    assert read(path, Choice(unit="W")).raw[0] == 100


def test_of_several_columns_energy_is_tried_first_and_voltages_last(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    lines = [f"230.1,{i * i % 5},{T0 + i},0.4,{100 + i % 7},9{i % 7}" for i in range(30)]
    for head, first in (
        ("U-1,one,time,I-1,value,LAMBDA-1", ["one", "value", "U-1", "I-1", "LAMBDA-1"]),
        ("Voltage,x,time,Current,Energy,Freq", ["Energy", "x", "Voltage"]),
    ):
        path.write_text("\n".join([head, *lines]) + "\n", "utf-8")
        with pytest.raises(Undecided) as refusal:
            read(path, Choice())
        assert [value for _, value in refusal.value.options][: len(first)] == first


class TestConstantCounters:
    """A counter that rises by one number in every row."""

    @staticmethod
    def run(low_w: float, high_w: float) -> RunPower:
        """Sensors that move between two powers every five seconds."""
        t_s = np.arange(0.0, 61.0)
        watts = np.where((t_s // 5).astype(int) % 2, high_w, low_w)
        energy_j = np.concatenate(([0.0], np.cumsum(watts[:-1])))
        return RunPower(t_s, energy_j, 0.0, 1.0)

    @staticmethod
    def counter(tmp_path: Path, steps: list[int]) -> Path:
        path = tmp_path / "m.csv"
        values = np.cumsum([1000, *steps])
        lines = [f"{T0 + i},{value}" for i, value in enumerate(values)]
        path.write_text("\n".join(["time,x", *lines]) + "\n", "utf-8")
        return path

    @pytest.mark.parametrize("step", [1, 10])
    def test_beside_a_load_that_moves_is_refused(self, tmp_path: Path, step: int) -> None:
        series = read(self.counter(tmp_path, [step] * 60), Choice(unit="Wh"))
        with pytest.raises(BadInput, match="rises by exactly the same in each of 60 rows"):
            constant_counter.check(series, self.run(90.0, 250.0), T0)

    def test_beside_a_steady_load_is_taken(self, tmp_path: Path) -> None:
        series = read(self.counter(tmp_path, [200] * 60), Choice(unit="J"))
        constant_counter.check(series, self.run(199.0, 201.0), T0)

    def test_a_counter_that_moves_is_taken(self, tmp_path: Path) -> None:
        steps = [90 if (i // 5) % 2 else 250 for i in range(60)]
        series = read(self.counter(tmp_path, steps), Choice(unit="J"))
        constant_counter.check(series, self.run(90.0, 250.0), T0)


# ---------------------------------------------------------------- milliseconds


def stored(tmp_path: Path, name: str, spacing_ms: int, *, fraction: str = "") -> Path:
    """A log with dates, times to whole seconds, and milliseconds in a column of their own."""
    path = tmp_path / "m.csv"
    lines = []
    for i in range(40):
        at = i * spacing_ms
        clock = f"10:00:{at // 1000:02d}{fraction}"
        lines.append(f"{i + 1},2026/03/01,{clock},{at % 1000},{100 + i % 7}")
    path.write_text("\n".join([f"Store No.,Date,Time,{name},P-1", *lines]) + "\n", "utf-8")
    return path


@pytest.mark.parametrize("name", ["Millisecond", "Milliseconds", "milli_seconds", "msec"])
@pytest.mark.parametrize("spacing_ms", [100, 500, 700, 1013])
@pytest.mark.parametrize(
    "columns", [(), ("Date", "Time"), ("Date", "Time", ""), ("", "Time", "Date")]
)
def test_milliseconds_belong_to_the_time(
    tmp_path: Path, name: str, spacing_ms: int, columns: tuple[str, ...]
) -> None:
    named = tuple(column or name for column in columns)
    choice = Choice(timezone="UTC", unit="W", time_columns=named)
    series = read(stored(tmp_path, name, spacing_ms), choice)
    assert series.t_s - T0 == pytest.approx(np.arange(40) * spacing_ms / 1000)


def test_one_millisecond_of_many_is_not_selected(tmp_path: Path) -> None:
    choice = Choice(timezone="UTC", unit="W", select=(("Millisecond", "500"),))
    with pytest.raises(BadInput, match="holds the milliseconds of the times"):
        read(stored(tmp_path, "Millisecond", 500), choice)


def test_times_with_fractions_keep_them(tmp_path: Path) -> None:
    """The column then holds something else, such as the time that a reading took."""
    path = tmp_path / "m.csv"
    lines = [f"2026-03-01 10:00:0{i}.250,{12 + i * i % 5},{100 + i}" for i in range(9)]
    path.write_text("\n".join(["time,msec,power_w", *lines]) + "\n", "utf-8")
    series = read(path, Choice(timezone="UTC"))
    assert series.t_s[0] == T0 + 0.25


def test_ms_behind_date_and_time(tmp_path: Path) -> None:
    series = read(stored(tmp_path, "ms", 700), Choice(timezone="UTC", unit="W"))
    assert series.t_s - T0 == pytest.approx(np.arange(40) * 0.7)


def test_three_columns_of_times_need_milliseconds(tmp_path: Path) -> None:
    choice = Choice(timezone="UTC", unit="W", time_columns=("Date", "Time", "P-1"))
    with pytest.raises(BadInput, match="none of the columns is called milliseconds"):
        read(stored(tmp_path, "Millisecond", 500), choice)
