"""A power sensor that goes on to show one value, although noise would change a true reading: what
it shows is left out of the energy.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Gpu, Host, Measurement, Trace, Window
from tests.analysis.runs import RANGES
from tests.analysis.truth import Energy, channel, constant, polls, square, trace

START_S = 3.0
SQUARE = square(100.0, 350.0, 6.0)
FOREVER_S = 1e6


def repeats(count: int, seconds: float) -> list[tuple[float, float]]:
    return [
        (START_S + i * (seconds + 0.6), START_S + i * (seconds + 0.6) + seconds)
        for i in range(count)
    ]


def board(
    energy: Energy,
    windows: list[tuple[float, float]],
    still: tuple[float, float] = (0.0, 0.0),
    *,
    period_s: float = 0.1,
    resolution_w: float = 1e-3,
    noise: float = 0.01,
    seed: int = 1,
    **changes: object,
) -> Trace:
    """Power readings with noise, that show one value from one time until another."""
    t_s = np.unique(np.concatenate((np.arange(1.0, 2.7, 0.1), *(polls(*each) for each in windows))))
    number = np.floor((t_s - 0.013) / period_s).astype(np.intp)
    tick_s = number * period_s + 0.013
    watts = (energy(tick_s) - energy(tick_s - period_s)) / period_s
    watts *= 1 + noise * np.random.default_rng(seed).normal(size=number.max() + 1)[number]
    raw = np.round(watts / resolution_w).astype(np.int64)
    frozen = (t_s >= still[0]) & (t_s < still[1])
    if frozen.any():
        raw[frozen] = raw[frozen][0]
    stated: dict[str, object] = {
        "kind": "power",
        "quantity": "power_instant",
        "window_s": period_s,
        "update_period_s": period_s,
        "resolution": resolution_w,
        "max_power_w": 2000.0,
    }
    return trace(channel(**{**stated, **changes}), t_s, raw)


def measured(windows: list[tuple[float, float]], *traces: Trace) -> Measurement:
    host = Host(name="n", sockets=1, memory_bytes=10**9, gpus=(Gpu(uuid="GPU-0", name="board"),))
    work = tuple(
        Window(label="repeat", start_s=start_s, end_s=end_s, repeat=i)
        for i, (start_s, end_s) in enumerate(windows)
    )
    nothing = (None,) * len(work)
    record = Record("r", "r", None, None, "device", host, work, nothing, ())  # type: ignore[arg-type]
    return measure(record, traces, RANGES)


def codes(result: Measurement) -> list[str]:
    return [doubt.code for doubt in result.doubts]


def true_j(energy: Energy, windows: list[tuple[float, float]]) -> float:
    return float(np.mean([np.diff(energy(np.array(window)))[0] for window in windows]))


@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.parametrize("period_s", [0.083, 0.1])
@pytest.mark.parametrize(
    "still", [(0.0, 7.3), (6.7, 11.2), (7.4, 12.0), (8.2, FOREVER_S), (11.5, FOREVER_S)]
)
def test_frozen_readings_are_a_gap(
    still: tuple[float, float], period_s: float, *, stamped: bool
) -> None:
    """At the start, in the middle and at the end of a load of two levels."""
    windows = repeats(1, 12.0)
    frozen = board(SQUARE, windows, still, period_s=period_s, stamped=stamped)
    result = measured(windows, frozen)
    assert codes(result).count("stuck-sensor") == 1
    assert "reading-gap" not in codes(result)
    assert result.energy_j is not None
    assert result.energy_j.low < true_j(SQUARE, windows) < result.energy_j.high


@pytest.mark.parametrize(("period_s", "resolution_w"), [(1.0, 1.0), (1.0, 0.1), (0.02, 1e-6)])
def test_other_sensors(period_s: float, resolution_w: float) -> None:
    """A meter of a node with whole watts, once a second, and a fast sensor of microwatts."""
    windows = repeats(1, 120.0)
    load = square(300.0, 700.0, 40.0)
    frozen = board(load, windows, (50.0, 90.0), period_s=period_s, resolution_w=resolution_w)
    result = measured(windows, frozen)
    assert "stuck-sensor" in codes(result)
    assert result.energy_j is not None
    assert result.energy_j.low < true_j(load, windows) < result.energy_j.high


@pytest.mark.parametrize("still", [(6.3, 10.5), (4.2, FOREVER_S), (6.3, FOREVER_S)])
def test_one_repeat_of_several(still: tuple[float, float]) -> None:
    """A repeat that shows one value only, beside another one in which the power moves."""
    windows = repeats(4, 2.0)
    load = square(100.0, 350.0, 0.73)
    result = measured(windows, board(load, windows, still))
    assert "stuck-sensor" in codes(result)
    assert result.energy_j is not None
    assert result.energy_j.low < true_j(load, windows) < result.energy_j.high


def test_a_counter_does_not_need_the_power_readings() -> None:
    """The counter of the board sums all the while."""
    windows = repeats(1, 12.0)
    power = board(SQUARE, windows, (6.7, 11.2))
    counts = np.floor(SQUARE(np.floor(power.t_s / 0.1) * 0.1) / 1e-3).astype(np.int64)
    result = measured(windows, trace(channel(), power.t_s, counts), power)
    assert not {"stuck-sensor", "counter-power-disagree"} & set(codes(result))
    assert result.energy_j is not None
    assert result.energy_j.value == pytest.approx(true_j(SQUARE, windows), rel=0.03)
    assert result.energy_j.high < 1.1 * result.energy_j.value


HONEST = list(
    itertools.product(
        [
            constant(200.0),
            SQUARE,
            square(100.0, 350.0, 0.73),
            square(199.0, 201.0, 7.0),
            square(60.0, 350.0, 40.0, phase_s=10.0),
        ],
        [0.0, 0.0005, 0.002, 0.01],
        [1e-3, 1.0, 4.0],
        [0.083, 1.0],
    )
)


def test_loads_without_a_fault() -> None:
    """Coarse steps, loads without noise, and loads whose noise is about one step."""
    windows = repeats(2, 15.0)
    for energy, noise, resolution_w, period_s in HONEST:
        sound = board(energy, windows, noise=noise, resolution_w=resolution_w, period_s=period_s)
        if np.ptp(sound.raw):
            doubts = codes(measured(windows, sound))
            assert "stuck-sensor" not in doubts, (noise, resolution_w, period_s)


def test_an_idle_board_may_show_one_value() -> None:
    """The work has noise; the lowest power, before and after it, does not."""
    windows = [(START_S, START_S + 12.0)]
    sound = board(SQUARE, windows)
    idle = (sound.t_s < 8.0) | (sound.t_s > 13.0)
    raw = np.where(idle, 60_000, sound.raw)
    result = measured(windows, trace(sound.channel, sound.t_s, raw))
    assert "stuck-sensor" not in codes(result)
