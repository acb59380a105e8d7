"""Columns whose names say that they hold something else than the mean power or the energy: they are
not taken, not suggested, and attached with a doubt if a person insists.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.errors import BadInput
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice, Undecided, unit_of
from energybench.meters.series import MeterSeries

T0 = 1_772_359_200


def series(tmp_path: Path, head: str, choice: Choice) -> MeterSeries:
    """A file whose columns hold 100, 200, … and their rows 0, 1, … more."""
    path = tmp_path / "m.csv"
    rows = [
        ",".join([str(T0 + i), *(str(100 * c + i) for c in range(1, head.count(",") + 1))])
        for i in range(9)
    ]
    path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
    return read(path, choice)


@pytest.mark.parametrize(
    ("head", "column"),
    [
        ("time,power_avg_w,power_min_w,power_max_w", 1),
        ("time,power_max_w,power_min_w,power_mean_w", 3),
        ("time,power_apparent_w,power_reactive_w,power_active_w", 3),
        ("time,Scheinleistung [W],Q [var],P [W]", 3),
        ("time,Apparent Power (W),Active Power (W)", 2),
        ("time,rated power (W),cap (W),load (W)", 3),
    ],
)
def test_of_several_columns_the_mean_active_power_is_taken(
    tmp_path: Path, head: str, column: int
) -> None:
    meter = series(tmp_path, head, Choice())
    assert meter.raw[0] * meter.resolution == 100 * column
    assert not meter.name_says


def test_active_power_without_a_unit_is_the_column_of_which_the_unit_is_asked(
    tmp_path: Path,
) -> None:
    head = "time,power_apparent,power_reactive,power_active"
    with pytest.raises(Undecided, match="column 'power_active' has no unit"):
        series(tmp_path, head, Choice())
    assert series(tmp_path, head, Choice(unit="W")).raw[0] == 300


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("apparent_power", "apparent power, in VA"),
        ("Apparent Power [W]", "apparent power, in VA"),
        ("load_kVA", "apparent power, in VA"),
        ("power_reactive", "reactive power, in var"),
        ("Blindleistung", "reactive power, in var"),
        ("peak_power_w", "the extremes between two rows"),
        ("power_min_w", "the extremes between two rows"),
        ("power limit", "a limit"),
    ],
)
def test_such_a_column_alone_is_refused_whatever_its_unit(
    tmp_path: Path, name: str, says: str
) -> None:
    """A column of apparent power that `--column` and `--unit` name is read, and the series states
    what its name says.
    """
    for choice in (Choice(), Choice(unit="W")):
        with pytest.raises(BadInput, match=f"which by its name holds {says}") as caught:
            series(tmp_path, f"time,{name}", choice)
        assert not isinstance(caught.value, Undecided)
    assert series(tmp_path, f"time,{name}", Choice(column=name, unit="W")).name_says == says


def test_several_such_columns_are_refused_together(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match=r"has 2 value columns: power_min_w, power_max_w; .*extremes"
    ):
        series(tmp_path, "time,power_min_w,power_max_w", Choice())


@pytest.mark.parametrize(
    "name",
    [
        *("power [hW]", "power_hw", "power [dW]", "power_daw", "power [0.1 W]", "power (W/10)"),
        *("power [10W]", "P [W x 100]", "energy [GJ]", "energy_mwh", "power [kcal]", "power [hp]"),
        *("power (BTU/h)", "P [VA]"),
    ],
)
def test_a_scale_that_is_not_known_has_no_suggestion(name: str) -> None:
    """A unit of another scale may fit the run, ten times too high."""
    with pytest.raises(BadInput, match="--unit, if the name means something else") as caught:
        unit_of(name, None, "m.csv")
    assert not isinstance(caught.value, Undecided)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("power", "W"),
        ("power (rack 7)", "W"),
        ("power (W, 1 min avg)", "W"),
        ("power (phase 1)", "W"),
        ("power [MW]", "mW"),
        ("energy [MJ]", "mJ"),
        ("energy", "kWh"),
    ],
)
def test_a_name_without_a_unit_has_suggestions(name: str, first: str) -> None:
    with pytest.raises(Undecided) as caught:
        unit_of(name, None, "m.csv")
    assert caught.value.options[0] == ("--unit", first)


@pytest.mark.parametrize(
    ("name", "small"), [("energy_counter", {"mJ", "uJ"}), ("power1_input", {"mW", "uW"})]
)
def test_small_units_are_tried_as_well(name: str, small: set[str]) -> None:
    """Sensors of boards count in mJ and µJ, and show power in µW."""
    with pytest.raises(Undecided) as caught:
        unit_of(name, None, "m.csv")
    assert small <= {unit for _, unit in caught.value.options}


@pytest.mark.parametrize(
    ("name", "unit", "says"),
    [
        ("power [hW]", "kW", "readings in 'hW', of which --unit says kW"),
        ("power_kw", "W", "readings in kW, of which --unit says W"),
        ("power [A]", "W", "readings in 'A', of which --unit says W"),
        ("power [0.1 W]", "W", "readings in '0.1 W', of which --unit says W"),
        ("feed_a", "W", ""),
        ("power_w", "W", ""),
        ("power", "kW", ""),
        ("power (rack 7)", "kW", ""),
    ],
)
def test_a_unit_that_contradicts_the_name(tmp_path: Path, name: str, unit: str, says: str) -> None:
    assert series(tmp_path, f"time,{name}", Choice(unit=unit)).name_says == says
