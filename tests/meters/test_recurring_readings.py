"""A value that comes back exactly alike is doubted if a repeat's energy holds it and the run's own
sensors do not move as it does: the level of pauses and of phases without load is the load's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from energybench.analysis.arrays import Floats
from energybench.meters.clock_offset import RunPower
from energybench.meters.meter_file import read
from energybench.meters.readings import Choice
from energybench.meters.recurring_readings import in_repeats
from energybench.meters.series import MeterSeries, MeterSteps, steps
from energybench.model import REPEAT, Window

T0 = 1_772_359_200
REPEATS = [
    Window(label=REPEAT, repeat=i, start_s=40.0 + 30 * i, end_s=60.0 + 30 * i) for i in range(5)
]
SECONDS = np.arange(0.0, 220.0)
BUSY_W = np.random.default_rng(3).uniform(180.0, 330.0, SECONDS.size)
Phase = Callable[[float], bool]


def in_repeat(t: float) -> bool:
    return any(window.start_s <= t < window.end_s for window in REPEATS)


def waiting_inside(t: float) -> bool:
    """Each repeat waits for three seconds of every seven."""
    return in_repeat(t) and (t - 40) % 30 % 7 < 4


def with_a_lead(t: float) -> bool:
    """Work that goes on in the pauses, and waits in the repeats only."""
    return 40 <= t < 180 and not (in_repeat(t) and 8 <= (t - 40) % 30 < 12)


def inside_w(phase: Phase) -> Floats:
    return np.array([b if phase(float(t)) else 60.0 for t, b in zip(SECONDS, BUSY_W, strict=True)])


def run_power(watts: Floats) -> RunPower:
    joules = np.concatenate(([0.0], np.cumsum(watts)))
    fine = np.arange(0.0, SECONDS.size, 0.1)
    return RunPower(fine, np.interp(fine, np.arange(joules.size, dtype=np.float64), joules), 5e-4)


def attached(
    path: Path, watts: Floats, failed: dict[int, str] | None = None, late_s: int = 0
) -> MeterSeries:
    """A node's meter of 1 W; failed: what it shows in place of a reading, by second."""
    rows = ["time,power_w"]
    for t, power in enumerate(watts.tolist(), 1):
        shown = (failed or {}).get(t, f"{110 + 1.08 * power:.0f}")
        rows.append(f"{T0 + t + late_s},{shown}")
    path.write_text("\n".join(rows), "utf-8")
    return read(path, Choice())


def found(
    series: MeterSeries, inside: RunPower | None, offset_s: float = 0.0
) -> list[tuple[str, int]]:
    by_meter = steps(series, 1.0)
    by_meter = MeterSteps(by_meter.start_s - T0, by_meter.end_s - T0, by_meter.power_w)
    kept = in_repeats(series, by_meter, inside, offset_s, REPEATS)
    return [(value.text, len(value.places)) for value in kept.recurring]


@pytest.mark.parametrize("phase", [in_repeat, waiting_inside, with_a_lead])
@pytest.mark.parametrize("late_s", [0, 7])
@pytest.mark.parametrize("off_s", [0.0, 0.3, -0.3])
def test_the_level_of_a_load_at_rest_is_the_loads(
    tmp_path: Path, phase: Phase, late_s: int, off_s: float
) -> None:
    """In the pauses, or in the repeats themselves, with a clock that is off and known so or so."""
    watts = inside_w(phase)
    series = attached(tmp_path / "m.csv", watts, late_s=late_s)
    assert [value.text for value in series.recurring] == ["175"]
    assert found(series, run_power(watts), late_s + off_s) == []


@pytest.mark.parametrize("value", ["175", "90", "655", "1000"])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_value_for_failed_readings_in_the_repeats_is_named(
    tmp_path: Path, value: str, rows: int
) -> None:
    """Also one that the meter shows at rest as well: the sensors show that the load went on."""
    failed = {s + i: value for s in (47, 54, 77, 84, 107, 114, 137) for i in range(rows)}
    watts = inside_w(in_repeat)
    series = attached(tmp_path / "m.csv", watts, failed)
    assert found(series, run_power(watts)) == [(value, len(failed))]


def test_a_value_between_the_repeats_counts_in_no_energy(tmp_path: Path) -> None:
    always = inside_w(lambda t: True)
    failed = dict.fromkeys((63, 67, 94, 125, 155), "655")
    series = attached(tmp_path / "m.csv", always, failed)
    assert [value.text for value in series.recurring] == ["655"]
    assert found(series, run_power(always)) == []


def test_without_sensors_the_repeats_alone_decide(tmp_path: Path) -> None:
    watts = inside_w(in_repeat)
    assert found(attached(tmp_path / "a.csv", watts), None) == []
    failed = dict.fromkeys((47, 54, 77, 84, 107), "655")
    assert ("655", 5) in found(attached(tmp_path / "b.csv", watts, failed), None)
