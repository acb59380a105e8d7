"""The step in which the values of a meter come, as the values show it."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import pytest

from energybench.meters.meter_file import read
from energybench.meters.reading_steps import evident_step
from energybench.meters.readings import Choice

T0 = 1_772_359_200


def node_w(seconds: int) -> list[float]:
    """Idle, a load with noise, and the averages of the seconds between."""
    chance = random.Random(1)
    return [chance.gauss(234.0 if t < 60 else 636.6, 12.0) for t in range(seconds)]


@pytest.mark.parametrize(
    ("column", "watts", "step_w", "digits"),
    [
        ("power_w", 1.0, 10.0, 0),
        ("power_w", 1.0, 16.0, 0),
        ("power_w", 1.0, 23.0, 1),
        ("power_kw", 1000.0, 50.0, 3),
        ("power_mw", 1e-3, 25.0, 0),
        ("power_w", 1.0, 11.73, 1),
        ("power_w", 1.0, 22.87, 0),
    ],
)
def test_a_step_that_is_coarser_than_the_last_digit(
    tmp_path: Path, column: str, watts: float, step_w: float, digits: int
) -> None:
    """In every unit, and with zeros behind the point."""
    shown = [f"{round(w / step_w) * step_w / watts:.{digits}f}" for w in node_w(180)]
    path = tmp_path / "m.csv"
    path.write_text("\n".join([f"time,{column}", *(f"{T0 + i},{v}" for i, v in enumerate(shown))]))
    assert read(path, Choice()).reading_step_w == pytest.approx(step_w, rel=2e-3)


@pytest.mark.parametrize("digit", ["1", "0.1", "0.01"])
def test_values_on_all_digits_show_no_step(digit: str) -> None:
    numbers = [Decimal(w).quantize(Decimal(digit)) for w in node_w(180)]
    assert evident_step(numbers, Decimal(digit)) is None


@pytest.mark.parametrize(
    "few",
    [["500"] * 90, ["60"] * 30 + ["500"] * 60, ["100", "300", "100", "305"], ["12", "16", "24"]],
)
def test_a_few_values_are_no_evidence(few: list[str]) -> None:
    """A constant load, or a load of two powers, has a common divisor by chance."""
    assert evident_step([Decimal(value) for value in few], Decimal(1)) is None


def test_a_coarser_range_for_the_load() -> None:
    """A meter that shows tenths below 300 W and steps of 20 W above."""
    numbers = [Decimal(w).quantize(Decimal("0.1")) for w in node_w(60)]
    numbers += [Decimal(20 * round(w / 20)) for w in node_w(180)[60:]]
    assert evident_step(numbers, Decimal("0.1")) == 20


@pytest.mark.parametrize(("unit", "joules"), [("wh", 3600.0), ("j", 1.0)])
@pytest.mark.parametrize("seconds", [1, 10])
def test_energies_of_single_rows_have_the_step_of_each_row(
    tmp_path: Path, unit: str, joules: float, seconds: int
) -> None:
    """As power over the time of a row; a counter has none, for its energy is never rounded anew."""
    digits = 2 if unit == "wh" else 0
    rows = [f"{w * seconds / joules:.{digits}f}" for w in node_w(90)]
    path = tmp_path / "m.csv"
    path.write_text(
        "\n".join([f"time,energy_{unit}", *(f"{T0 + seconds * i},{e}" for i, e in enumerate(rows))])
    )
    series = read(path, Choice(per_interval=True))
    assert series.kind == "counter"
    assert series.reading_step_w == pytest.approx(10**-digits * joules / seconds)


@pytest.mark.parametrize("count", [4, 6, 12, 40])
def test_chance_makes_no_step(count: int) -> None:
    """Of 500 files with so many values on all digits, hardly one shows a step."""
    chance = random.Random(count)
    files = [[Decimal(chance.randint(600, 7000)) for _ in range(count)] for _ in range(500)]
    assert sum(evident_step(numbers, Decimal(1)) is not None for numbers in files) <= 3
