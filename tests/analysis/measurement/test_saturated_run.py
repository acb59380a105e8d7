"""Runs whose power sensor stops at a largest value while most of the run is idle."""

from __future__ import annotations

import numpy as np
import pytest

from energybench.analysis.measurement.measure import Record, measure
from energybench.model import Host, Window
from tests.analysis.truth import channel, trace

RANGES = {"memory_w_per_gb": (0.0, 0.0, "x"), "package_w": (20.0, 500.0, "x")}


@pytest.mark.parametrize("stamped", [False, True])
@pytest.mark.parametrize("noise_w", [0.0, 2.0])
@pytest.mark.parametrize("top_w", [400.0, 1e3])
def test_the_doubt_and_the_interval_of_a_run(stamped: bool, noise_w: float, top_w: float) -> None:
    """Two repeats of 10 s in five minutes: the interval holds the truth, and the doubt comes if the
    sensor stops and not otherwise.
    """
    rng = np.random.default_rng(5)
    t_s = np.arange(0.1, 300.0, 0.1)
    windows = tuple(Window(label="repeat", start_s=s, end_s=s + 10.0) for s in (100.0, 200.0))
    busy = np.any([(t_s > w.start_s) & (t_s <= w.end_s) for w in windows], axis=0)
    idle = 60.0 + rng.normal(0, noise_w, t_s.size)
    watts = np.where(busy, rng.uniform(350, 600, t_s.size), idle)
    made = channel(
        kind="power", quantity="power_instant", window_s=0.1, power_limit_w=700.0, stamped=stamped
    )
    shown = trace(made, t_s, np.round(np.minimum(watts, top_w) * 1e3).astype(np.int64))
    record = Record(
        id="r",
        label="r",
        workload=None,
        command=("x",),
        boundary="device",
        host=Host(name="n", sockets=1, memory_bytes=1),
        windows=windows,
        works=(None, None),
        verification=(),
    )
    found = measure(record, [shown], RANGES)
    assert found.energy_j is not None
    true_j = float(watts[busy].sum()) * 0.1 / 2
    assert found.energy_j.low <= true_j <= found.energy_j.high
    assert ("power-saturated" in {doubt.code for doubt in found.doubts}) is (top_w < 1e3)
