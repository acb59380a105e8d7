"""The rise of a node meter's power beside the rise of the sensors inside: an honest meter of one
node has no doubt, whatever it adds and however it smooths; a part of the feeds or several nodes do.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from energybench.analysis.arrays import Floats
from energybench.meters.attached_run import FinishedRun, Meter
from energybench.meters.clock_offset import Offset
from energybench.meters.power_slope import doubts
from energybench.meters.series import MeterSeries, steps
from energybench.model import Doubt, Gain, Gpu, Host, Trace
from tests.analysis.truth import Sensor, channel, trace
from tests.meters.known_loads import RANGES, WINDOWS, T, load

HOST = Host(name="n", sockets=1, memory_bytes=16 * 10**9)
ENERGY = load(60.0, 300.0)
FINE = np.arange(-60.0, 200.0, 0.05)


def sensors(gain: float = 1.0, u_rel: float = 0.03, load_w: float = 300.0) -> list[Trace]:
    """A package and its memory; their sensors are wrong by the same factor."""
    energy = load(60.0, load_w)
    return [
        trace(
            channel(
                collector="rapl",
                device="package-0",
                component=component,
                resolution=1e-6,
                update_period_s=0.001,
                gain=Gain(u_rel=u_rel, key=component),
                socket="package-0",
            ),
            T,
            Sensor(lambda t, share=share: share * energy(t), gain=gain).counts(T, 1e-6),
        )
        for component, share in (("cpu.package", 0.9), ("cpu.dram", 0.1))
    ]


def meter_w(factor: float, fixed_w: float, t_s: Floats, width_s: float = 1.0) -> Floats:
    joules = factor * (ENERGY(t_s) - ENERGY(t_s - width_s))
    return np.asarray(fixed_w + joules / width_s)


def found(
    watts: Floats,
    t_s: Floats,
    traces: list[Trace],
    *,
    host: Host = HOST,
    resolution: float = 0.1,
    averaging_s: float = 1.0,
    accuracy_rel: float = 0.01,
) -> tuple[Doubt, ...]:
    series = MeterSeries(
        "m.csv", "column 'p'", "line", "power", resolution, t_s,
        np.round(watts / resolution).astype(np.int64), np.arange(t_s.size) + 2,
    )  # fmt: skip
    run = FinishedRun(Path("run"), cast(Any, SimpleNamespace(host=host)), traces, tuple(WINDOWS))
    meter = Meter(Path("m.csv"), "node", accuracy_rel, "m")
    return doubts(
        series, steps(series, averaging_s), Offset(0.0, 0.1, 0.99, True), run, meter, RANGES
    )


TIMES = np.arange(-20.0, 150.0, 1.0)
NOISE = np.random.default_rng(5).standard_normal(TIMES.size)


@pytest.mark.parametrize("factor", [1 / 2, 1 / 3, 0.65])
@pytest.mark.parametrize("fixed_w", [50.0, 300.0])
@pytest.mark.parametrize("noise_w", [0.0, 5.0])
def test_a_part_of_the_feeds(factor: float, fixed_w: float, noise_w: float) -> None:
    """One of two or three, the larger one of two, behind any fixed power."""
    watts = meter_w(1.08 * factor, fixed_w, TIMES) + noise_w * NOISE
    (doubt,) = found(watts, TIMES, sensors())
    assert doubt.code == "meter-slope"
    assert f"rises by {108 * factor:.0f} W" in doubt.message
    assert "one of several feeds or phases" in doubt.message
    assert "sum of all feeds" in doubt.remedy


@pytest.mark.parametrize("nodes", [2, 3, 4, 10])
@pytest.mark.parametrize("noise_w", [0.0, 5.0])
def test_several_nodes_of_a_job_on_one_outlet(nodes: int, noise_w: float) -> None:
    watts = meter_w(1.08 * nodes, 150.0 * nodes, TIMES) + noise_w * NOISE
    (doubt,) = found(watts, TIMES, sensors())
    assert doubt.code == "meter-slope"
    assert "on the same outlet" in doubt.message


@pytest.mark.parametrize("added", [1.0, 1.06, 1.2, 1.5])
@pytest.mark.parametrize("gain", [0.94, 1.0, 1.06])
@pytest.mark.parametrize("resolution", [0.1, 10.0, 100.0])
@pytest.mark.parametrize("noise_w", [0.0, 20.0, 80.0])
@pytest.mark.parametrize("late_s", [0.0, 1.0])
def test_an_honest_meter_has_no_doubt(
    added: float, gain: float, resolution: float, noise_w: float, late_s: float
) -> None:
    """Behind the supply or before it, with fans that follow, coarse, noisy, or late."""
    watts = meter_w(added, 150.0, TIMES) + noise_w * NOISE
    assert not found(watts, TIMES + late_s, sensors(gain), resolution=resolution)


@pytest.mark.parametrize("tau_s", [1.0, 3.0, 8.0, 15.0, 30.0])
@pytest.mark.parametrize("taken_s", [1.0, 2.0])
def test_a_meter_that_smooths_has_no_doubt(tau_s: float, taken_s: float) -> None:
    """A filter of first order, its delay taken off, as an average over a second, or twice its time.

    Its readings follow the load by less than the load moves.
    """
    watts, smooth = meter_w(1.06, 150.0, FINE, 0.05), np.zeros(FINE.size)
    smooth[0] = watts[0]
    for i in range(1, FINE.size):
        smooth[i] = smooth[i - 1] + (watts[i] - smooth[i - 1]) * 0.05 / tau_s
    seen = np.interp(TIMES, FINE, smooth)
    averaging_s = taken_s if taken_s == 1 else 2 * tau_s
    late_s = max(tau_s - averaging_s / 2, 0.0)
    assert not found(seen, TIMES - late_s, sensors(), averaging_s=averaging_s)


def test_a_load_that_hardly_moves_tells_nothing() -> None:
    """60 W of 60 to 61 W, or a meter that does not follow."""
    assert not found(meter_w(0.3, 90.0, TIMES), TIMES, sensors(load_w=61.0))
    assert not found(150.0 + 50 * NOISE, TIMES, sensors())


def test_parts_without_a_sensor_allow_for_more() -> None:
    """A board that no sensor reads may work with the processors, or rest when they work; memory
    whose size is not known may draw more, and never less.
    """
    two, half = meter_w(2.16, 300.0, TIMES), meter_w(0.54, 300.0, TIMES)
    with_board = Host(
        name="n", sockets=1, memory_bytes=16 * 10**9, gpus=(Gpu(uuid="GPU-9", name="b"),)
    )
    assert not found(two, TIMES, sensors(), host=with_board)
    assert not found(half, TIMES, sensors(), host=with_board)
    package = sensors()[:1]
    unknown = Host(name="n", sockets=1)
    assert not found(two, TIMES, package, host=unknown)
    assert found(half, TIMES, package, host=unknown)


def test_a_sensor_that_stopped_early_is_a_part_without_one() -> None:
    package, memory = sensors()
    cut = T.size // 3
    short = trace(memory.channel, T[:cut], memory.raw[:cut])
    assert not found(meter_w(2.16, 300.0, TIMES), TIMES, [package, short])
    assert found(meter_w(0.54, 300.0, TIMES), TIMES, [package, short])


def test_a_model_of_the_processors_may_be_far_off() -> None:
    """It may rise by a multiple of what the processors do."""
    traces = [
        trace(
            channel(
                collector="cpu_estimate",
                device="host",
                component=component,
                resolution=1e-6,
                gain=Gain(u_rel=0.29, key=component),
                quality="estimated",
            ),
            T,
            Sensor(lambda t, share=share: share * ENERGY(t)).counts(T, 1e-6),
        )
        for component, share in (("cpu.package", 0.9), ("cpu.dram", 0.1))
    ]
    assert not found(meter_w(0.54, 300.0, TIMES), TIMES, traces)
    assert not found(meter_w(4.0, 300.0, TIMES), TIMES, traces)
    assert found(meter_w(0.2, 300.0, TIMES), TIMES, traces)


def test_the_accuracy_of_the_meter_counts() -> None:
    """A meter of ±20 % may rise by less than the node."""
    watts = meter_w(0.85, 100.0, TIMES)
    assert found(watts, TIMES, sensors(u_rel=0.005))
    assert not found(watts, TIMES, sensors(u_rel=0.005), accuracy_rel=0.2)
