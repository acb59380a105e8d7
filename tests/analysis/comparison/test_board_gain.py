"""A board whose sensor shows 0.9 of the truth: what its error does to a ratio."""

from __future__ import annotations

import numpy as np

from energybench.analysis.comparison.compare import compare
from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Estimate, Gpu, Host, Measurement, Window
from tests.analysis.truth import Sensor, channel, gain, polls, square, trace


def run(name: str, power_w: float, board: str, shows: float) -> Measurement:
    """Eight repeats of 5 s on one board; its gain is stated as 4 %, whatever it is."""
    rng = np.random.default_rng(7)
    windows, pieces = [], []
    for k in range(8):
        start = 5 + 8 * k + rng.uniform(0, 0.1)
        windows.append(
            Window(
                label="repeat",
                start_s=start,
                end_s=start + 5 * (1 + 0.002 * rng.standard_normal()),
                repeat=k,
            )
        )
        pieces.append(polls(start, windows[-1].end_s))
    t = np.concatenate(pieces)
    made = channel(device=board, gain=gain(0.04, f"gain:{board}"))
    sensor = Sensor(square(power_w - 50, power_w + 50, 0.8), gain=shows)
    host = Host(name="node", gpus=(Gpu(uuid=board, name="A100"),))
    return measure(
        Record(name, name, None, ("p",), "device", host, tuple(windows), (None,) * 8, ()),
        [trace(made, t, sensor.counts(t, 1e-3))],
        {"gpu_w": (0.0, 1000.0, "")},
    )


def width(estimate: Estimate | None) -> float:
    assert estimate is not None
    return estimate.half_width / estimate.value


def ratio(shows: tuple[float, float], boards: tuple[str, str]) -> Estimate:
    found = compare(
        run("a", 300, boards[0], shows[0]), run("b", 200, boards[1], shows[1])
    ).energy_ratio
    assert found is not None
    return found


def test_one_board_gives_as_narrow_a_ratio_with_gain_0_9_as_with_gain_1() -> None:
    """The gain is the same in both runs and cancels: value and width alike."""
    off, right = ratio((0.9, 0.9), ("GPU-0", "GPU-0")), ratio((1.0, 1.0), ("GPU-0", "GPU-0"))
    assert abs(off.value / right.value - 1) < 1e-3
    assert abs(width(off) / width(right) - 1) < 0.02
    assert width(off) < 0.01


def test_two_boards_are_wider_by_both_gains() -> None:
    """Two independent 4 % (normal): 1.96·√2·4 % = 11.1 %, and the ratio with one board at 0.9 lies
    within it.
    """
    two = ratio((0.9, 1.0), ("GPU-0", "GPU-1"))
    assert 0.105 < width(two) < 0.118
    assert two.low < 1.5 < two.high
