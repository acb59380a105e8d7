"""Loads of known energy, sensors and meters that read them, and their windows."""

from __future__ import annotations

import math

import numpy as np

from energybench.meters.site_gain import Findings, of_board
from energybench.model import Channel, Gain, Trace, Window
from tests.analysis.truth import Energy, Sensor, channel, trace

RANGES = {
    "package_w": (20.0, 500.0, "x"),
    "memory_w_per_gb": (0.2, 0.5, "x"),
    "gpu_w": (0.0, 1000.0, "x"),
}
WINDOWS = [Window(label="idle", start_s=5.0, end_s=35.0)] + [
    Window(label="repeat", start_s=40 + 25 * i, end_s=60 + 25 * i, repeat=i) for i in range(3)
]
T = np.arange(0.0, 130.0, 0.05)


def load(idle_w: float, load_w: float) -> Energy:
    """Power of the idle phase and of the repeats, as joules since 0."""
    times = (
        [-100.0] + [t for window in WINDOWS[1:] for t in (window.start_s, window.end_s)] + [300.0]
    )
    watts = [idle_w] + [load_w, idle_w] * 3
    joules = np.concatenate(([0.0], np.cumsum(np.diff(times) * watts)))
    return lambda t: np.asarray(np.interp(t, times, joules))


def board(i: int, energy: Energy, gain: float, u_rel: float = 0.04, **changes: object) -> Trace:
    stated = channel(device=f"GPU-{i}", gain=Gain(u_rel=u_rel, key=f"gain:GPU-{i}"), **changes)
    sensor = Sensor(energy, gain=gain)
    return trace(
        stated, T, sensor.counts(T, 1e-3) if stated.kind == "counter" else sensor.watts(T, 1e-3)
    )


def meter(
    energy: Energy, component: str, device: str, limit: float = 0.01, lag_u_s: float = 0.0
) -> Trace:
    stated = Channel(
        collector="meter",
        reference=True,
        device=device,
        component=component,
        kind="counter",
        resolution=1e-3,
        gain=Gain(u_rel=limit / math.sqrt(3), key="gain:meter:m", distribution="rectangular"),
        update_period_s=1.0,
        lag_u_s=lag_u_s,
        stamped=True,
    )
    t = np.arange(-10.0, 140.0, 1.0)
    return trace(stated, t, np.round((energy(t) + 1e6) / 1e-3).astype(np.int64))


def against_board(
    gain: float, limit: float = 0.01, windows: list[Window] = WINDOWS, u_rel: float = 0.04
) -> Findings:
    energy = load(50.0, 400.0)
    traces = [
        board(0, energy, gain, u_rel),
        board(
            0,
            energy,
            gain * 1.01,
            kind="power",
            quantity="power_instant",
            window_s=0.025,
            counts=False,
        ),
    ]
    reference = meter(energy, "gpu.board", "GPU-0", limit)
    return of_board([*traces, reference], windows, reference.channel, "run")
