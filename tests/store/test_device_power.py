"""Power over time of a run's devices, from raw samples."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.arrays import Floats
from energybench.model import Channel, Trace, Window
from energybench.store.device_power import STEPS, device_power
from tests.analysis.truth import channel

N = 30_000


def trace(stated: Channel, watts: Floats) -> Trace:
    """Readings at 10 Hz from 50 s on."""
    raw = np.cumsum(watts) * 0.1 if stated.kind == "counter" else watts
    return Trace(
        channel=stated,
        t_s=50 + 0.1 * np.arange(watts.size),
        raw=np.round(raw / stated.resolution).astype(np.int64),
        ok=np.ones(watts.size, dtype=np.bool_),
    )


def board(number: int, kind: str = "counter", **more: object) -> Channel:
    return channel(
        device=f"GPU-{number}",
        component="gpu.board",
        kind=kind,
        resolution=1e-3,
        update_period_s=0.001,
        window_s=0.0,
        wrap=None,
        **more,
    )


def watts(level: float, seed: int) -> Floats:
    random = np.random.Generator(np.random.Philox(seed))
    return np.asarray(level + random.normal(0, 1, N))


def test_boards_and_their_sum() -> None:
    """The sum comes before the boards and has their energy; a spike of one reading is the highest
    power of its board and of the sum; power sensors beside counters are not drawn.
    """
    one, two = watts(300.0, 1), watts(500.0, 2)
    one[12_345] = 900.0
    traces = [
        trace(board(0, "power"), one),
        trace(board(0), one),
        trace(board(1, used=False), two),
    ]
    power = device_power(traces, (Window(label="idle", start_s=51, end_s=60),), "run")
    together, first, second = power.series
    assert (together.devices, together.device) == (2, "")
    assert [first.component, second.component] == ["gpu.board", "gpu.board.unused"]
    assert power.windows[0].start_s == pytest.approx(1.0, abs=0.1)
    for series in power.series:
        assert len(series.t_s) == len(series.high_w) == len(series.low_w) == STEPS
        assert series.read == pytest.approx(N, abs=3)
    assert max(w for w in first.high_w if w) == pytest.approx(900, rel=0.001)
    assert max(w for w in together.high_w if w) == pytest.approx(900 + two[12_345], rel=0.001)
    means = [w for w in together.power_w if w is not None]
    assert len(means) == STEPS
    assert np.mean(means) == pytest.approx(float((one + two).mean()), rel=0.001)


def test_a_short_run_has_its_readings() -> None:
    """No steps, no sum of a single board."""
    (series,) = device_power([trace(board(0), watts(300.0, 1)[:200])], (), "run").series
    assert series.low_w == series.high_w == ()
    assert series.read is None
    assert 195 <= len(series.t_s) <= 200


def test_nothing_read_nothing_drawn() -> None:
    silent = Trace(
        channel=board(0),
        t_s=np.arange(3.0),
        raw=np.zeros(3, dtype=np.int64),
        ok=np.zeros(3, dtype=np.bool_),
    )
    assert device_power([silent], (), "run").series == ()
