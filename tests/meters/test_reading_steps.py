"""The step in which the values of a meter come, as the values show it."""

from __future__ import annotations

import itertools
import math
import random
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from energybench.analysis.energy.window_energy import energy
from energybench.analysis.traces.trace_curve import curve
from energybench.analysis.uncertainty.effects import combine
from energybench.meters.meter_file import read
from energybench.meters.reading_steps import evident_step
from energybench.meters.readings import Choice
from energybench.model import Window
from tests.analysis.truth import channel, trace

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


@pytest.mark.parametrize(
    ("column", "unit_j", "step_j", "digits", "start_j"),
    [
        ("energy_wh", 3600.0, 36_000.0, 0, 0.0),  # every 10 Wh
        ("energy_kwh", 3.6e6, 36_000.0, 3, 0.0),  # 0.01 kWh, with a zero behind it
        ("energy_kwh", 3.6e6, 360_000.0, 2, 36_000.0),  # 0.1 kWh, begun between two steps
        ("energy_j", 1.0, 3_600.0, 0, 1234.0),  # Wh, written as J
        ("energy_j", 1.0, 3_600.0, 2, 0.0),
        ("energy_wh", 3600.0, 4_500.0, 1, 0.0),  # 800 pulses for each kWh, rounded: 1.2, 2.5, 3.8
    ],
)
@pytest.mark.parametrize("spacing", [1, 10])
def test_a_counter_that_counts_in_steps_of_several_digits(
    tmp_path: Path,
    column: str,
    unit_j: float,
    step_j: float,
    digits: int,
    start_j: float,
    spacing: int,
) -> None:
    """A whole count is the step of the counter, in every unit, and wherever it began."""
    energies_j = itertools.accumulate(node_w(3600))
    shown_j = [start_j + math.floor(j / step_j) * step_j for j in energies_j]
    rows = [f"{T0 + t},{shown_j[t] / unit_j:.{digits}f}" for t in range(0, 3600, spacing)]
    path = tmp_path / "m.csv"
    path.write_text("\n".join([f"time,{column}", *rows]))
    series = read(path, Choice())
    assert series.resolution == pytest.approx(step_j, rel=1e-4)
    shown = (series.raw - series.raw[0]) * series.resolution
    counted = np.array(shown_j[::spacing]) - shown_j[0]
    assert shown == pytest.approx(counted, abs=unit_j * 10.0**-digits)


@pytest.mark.parametrize(("column", "unit_j", "digits"), [("energy_wh", 3600.0, 2), ("e_j", 1, 0)])
def test_a_counter_of_single_digits_counts_digits(
    tmp_path: Path, column: str, unit_j: float, digits: int
) -> None:
    energies_j = list(itertools.accumulate(node_w(600)))
    rows = [f"{T0 + t},{energies_j[t] / unit_j:.{digits}f}" for t in range(600)]
    path = tmp_path / "m.csv"
    path.write_text("\n".join([f"time,{column}", *rows]))
    assert read(path, Choice()).resolution == pytest.approx(unit_j * 10.0**-digits)


@pytest.mark.parametrize("step_j", [967.0, 3600.0, 14_400.0])
@pytest.mark.parametrize("digits", [0, 2])
def test_the_energy_of_a_window_holds_the_step_of_its_counter(
    tmp_path: Path, step_j: float, digits: int
) -> None:
    """Idle, one window of steady work, idle, with the steps at every phase: the interval holds the
    energy, however many digits are written.
    """
    start_s, end_s, idle_w, work_w = 200.0, 262.0, 240.0, 600.0
    t_s = np.arange(0.3, 500.0)
    energy_j = np.interp(
        t_s,
        [0.0, start_s, end_s, 500.0],
        np.cumsum([0.0, idle_w * 200.0, work_w * 62.0, idle_w * 238.0]),
    )
    misses = 0
    for phase in np.linspace(0.0, 1.0, 20, endpoint=False):
        shown_j = np.floor(energy_j / step_j + phase) * step_j
        rows = [f"{T0 + t:.1f},{joules:.{digits}f}" for t, joules in zip(t_s, shown_j, strict=True)]
        path = tmp_path / "m.csv"
        path.write_text("\n".join(["time,energy_j", *rows]))
        series = read(path, Choice())
        made = channel(resolution=series.resolution, stamped=True, update_period_s=1.0)
        points = curve(trace(made, series.t_s - T0, series.raw))
        assert points is not None
        cell = energy(points, Window(label="repeat", start_s=start_s, end_s=end_s))
        assert cell.energy_j is not None
        interval = combine(cell.energy_j, cell.effects)
        misses += not interval.low <= work_w * (end_s - start_s) <= interval.high
    assert misses <= 1
