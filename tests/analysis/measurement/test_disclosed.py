"""Highest power over 1 s, and the accelerators alone: both hold the truth, or are not given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from energybench.analysis.measurement.joined import joined
from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Channel, Gpu, Host, Measurement, Trace, Window
from tests.analysis.runs import RANGES, run
from tests.analysis.truth import Sensor, channel, gain, polls, trace

BASE_W, PEAK_W = 200.0, 700.0
WINDOWS = tuple(
    Window(label="repeat", start_s=5.0 + 12 * i, end_s=15.0 + 12 * i, repeat=i) for i in range(4)
)


def peaked(start_s: float, seconds: float, made: Channel) -> Trace:
    """A sensor at BASE_W, with PEAK_W for some seconds."""

    def energy(t):  # type: ignore[no-untyped-def]
        inside = np.clip(np.asarray(t) - start_s, 0, seconds)
        return BASE_W * np.asarray(t) + (PEAK_W - BASE_W) * inside

    times = polls(0.0, 60.0)
    sensor = Sensor(energy, period_s=made.update_period_s or 0.0)
    return trace(made, times, sensor.counts(times, made.resolution))


def sensor(component: str, device: str, update_s: float = 0.1, **changes: object) -> Channel:
    return channel(
        collector="meter",
        device=device,
        component=component,
        resolution=1e-3,
        update_period_s=update_s,
        gain=gain(0.01, f"gain:{device}"),
        **changes,
    )


def measured(traces: Sequence[Trace], boundary: str = "node-ac") -> Measurement:
    record = Record(
        id="r",
        label="r",
        workload=None,
        command=("prog",),
        boundary=boundary,  # type: ignore[arg-type]
        host=Host(name="n", sockets=1, gpus=(Gpu(uuid="GPU-1", name="A100"),)),
        windows=WINDOWS,
        works=(None,) * len(WINDOWS),
        verification=(),
    )
    return measure(record, traces, RANGES)


@pytest.mark.parametrize("repeat", range(len(WINDOWS)))
def test_the_highest_second_is_that_of_the_peak(repeat: int) -> None:
    """Whichever repeat has the peak: the interval holds the power of its second, with the gain."""
    result = measured([peaked(WINDOWS[repeat].start_s + 3, 2.0, sensor("node.ac", "pdu"))])
    highest = result.highest_power_w
    assert highest is not None
    assert highest.low < PEAK_W < highest.high
    assert highest.value == pytest.approx(PEAK_W, rel=0.02)
    assert highest.half_width >= 1.9 * 0.01 * PEAK_W
    assert result.power_w is not None
    assert highest.value > result.power_w.value


def test_a_peak_outside_the_repeats_is_not_the_highest_power_of_the_work() -> None:
    result = measured([peaked(15.3, 1.4, sensor("node.ac", "pdu"))])
    assert result.highest_power_w is not None
    assert result.highest_power_w.value == pytest.approx(BASE_W, rel=0.02)


def test_a_shorter_peak_is_averaged_over_the_second() -> None:
    """Half a second of the peak inside one of the averages."""
    result = measured([peaked(WINDOWS[1].start_s + 4.2, 0.5, sensor("node.ac", "pdu"))])
    highest = result.highest_power_w
    assert highest is not None
    assert highest.low < (BASE_W + PEAK_W) / 2 < highest.high


def test_a_sensor_slower_than_a_second_shows_no_highest_power() -> None:
    result = measured([peaked(8.0, 2.0, sensor("node.ac", "pdu", update_s=2.0))])
    assert result.energy_j is not None
    assert result.highest_power_w is None


def test_repeats_of_less_than_a_second_and_estimates_have_none() -> None:
    assert run("r", times_s=(0.9,) * 8).highest_power_w is None
    model = sensor("cpu.package", "package-0", quality="estimated")
    result = measured([peaked(8.0, 2.0, model)], boundary="compute")
    assert result.quality == "estimated"
    assert result.energy_j is not None
    assert result.highest_power_w is None


def test_highest_power_of_parts_is_that_of_the_same_second() -> None:
    """The sum over the sensors, not the sum of the highest powers of each."""
    first = peaked(WINDOWS[0].start_s + 2, 1.0, sensor("cpu.package", "package-0"))
    second = peaked(WINDOWS[2].start_s + 2, 1.0, sensor("gpu.board", "GPU-1"))
    result = measured([first, second], boundary="compute")
    highest = result.highest_power_w
    assert highest is not None
    assert highest.low < BASE_W + PEAK_W < highest.high


def test_accelerators_inside_a_metered_node() -> None:
    """The node has the energy of the meter, and beside it that of the boards alone, each with the
    gain of its own sensor.
    """
    node = peaked(0.0, 60.0, sensor("node.ac", "pdu"))
    board = peaked(0.0, 0.0, sensor("gpu.board", "GPU-1"))
    result = measured([node, board])
    alone = result.accelerators_j
    assert alone is not None
    assert alone.low < BASE_W * 10 < alone.high
    assert alone == result.in_accelerators_j
    assert {effect.key for effect in alone.effects if effect.key} == {"gain:GPU-1"}
    assert result.energy_j is not None
    assert result.energy_j.value == pytest.approx(PEAK_W * 10, rel=0.01)


def test_accelerators_are_not_given_if_one_is_unread_or_idle() -> None:
    node = peaked(0.0, 0.0, sensor("node.ac", "pdu"))
    unused = peaked(0.0, 0.0, sensor("gpu.board", "GPU-1", used=False))
    assert measured([node]).accelerators_j is None
    assert measured([node, unused]).accelerators_j is None


def test_parts_of_a_boundary_hold_the_accelerators_already() -> None:
    """Then `accelerators_j` states nothing a second time, and a boundary of boards alone has no
    narrower one.
    """
    compute = run("r", gpu_w=[300, 300])
    assert compute.accelerators_j is None
    assert compute.in_accelerators_j == compute.components_j["gpu.board"]
    assert run("r", gpu_w=[300], boundary="device").in_accelerators_j is None
    assert run("r").in_accelerators_j is None


def test_parts_of_a_long_window_keep_the_higher_power() -> None:
    """A window that stays open for hours is measured in parts."""
    first, second = (
        measured([peaked(WINDOWS[0].start_s + 3, seconds, sensor("node.ac", "pdu"))])
        for seconds in (2.0, 0.0)
    )
    for parts in ((first, second), (second, first)):
        assert joined(*parts).highest_power_w == first.highest_power_w
