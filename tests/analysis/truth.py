"""Simulated sensors with a known truth, as arrays: what a poller would have read, without any
process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from energybench.collectors.ranks import imitated
from energybench.model import Channel, Gain, Trace

Floats = npt.NDArray[np.float64]
Energy = Callable[[Floats], Floats]


def constant(power_w: float) -> Energy:
    return lambda t: power_w * np.asarray(t)


def square(low_w: float, high_w: float, period_s: float, phase_s: float = 0.0) -> Energy:
    """True joules since 0 of a square wave that is high in the first half of each period."""

    def energy(t: Floats) -> Floats:
        x = np.asarray(t) + phase_s
        whole, rest = np.divmod(x, period_s)
        half = period_s / 2
        return np.asarray(
            whole * half * (low_w + high_w)
            + np.where(rest < half, rest * high_w, half * high_w + (rest - half) * low_w)
        )

    return energy


class Sensor(NamedTuple):
    """A counter (update period, phase, resolution, wrap) or a power reading (window, lag) over a
    true energy.
    """

    energy: Energy
    period_s: float = 0.1
    phase_s: float = 0.0
    window_s: float = 0.025
    lag_s: float = 0.0
    gain: float = 1.0

    def tick(self, t: Floats) -> Floats:
        if self.period_s == 0:
            return np.asarray(t)
        return (
            np.floor((np.asarray(t) - self.phase_s) / self.period_s) * self.period_s + self.phase_s
        )

    def counts(
        self, t: Floats, resolution: float, start: int = 0, wrap: int | None = None
    ) -> npt.NDArray[np.int64]:
        counts = start + np.floor(self.gain * self.energy(self.tick(t)) / resolution).astype(
            np.int64
        )
        return counts % wrap if wrap else counts

    def watts(self, t: Floats, resolution: float) -> npt.NDArray[np.int64]:
        end = self.tick(t) - self.lag_s
        return np.round(
            self.gain
            * (self.energy(end) - self.energy(end - self.window_s))
            / self.window_s
            / resolution
        ).astype(np.int64)


def polls(start_s: float, end_s: float, edge_s: float = 0.22, before_s: float = 0.25) -> Floats:
    """When a run polls: 200 Hz around both edges of a window, 10 Hz between, as the sampler does."""
    parts = [
        np.arange(start_s - before_s, start_s + edge_s, 0.005),
        np.arange(start_s + edge_s, end_s, 0.1),
        np.arange(end_s, end_s + before_s, 0.005),
    ]
    return np.concatenate(parts)


def gain(u_rel: float = 0.0, key: str = "gain:test", distribution: str = "normal") -> Gain:
    return Gain(u_rel=u_rel, key=key, distribution=distribution)  # type: ignore[arg-type]


def channel(**changes: object) -> Channel:
    """A GPU's energy counter unless changed."""
    stated: dict[str, object] = {
        "collector": "nvml",
        "device": "GPU-0",
        "component": "gpu.board",
        "kind": "counter",
        "resolution": 1e-3,
        "gain": gain(),
        "update_period_s": 0.1,
        "quantity": "energy",
    }
    collector, device = (str({**stated, **changes}[key]) for key in ("collector", "device"))
    stated["rank"], stated["socket"] = imitated(collector, device)
    stated["reference"] = collector == "meter"
    return Channel(**{**stated, **changes})  # type: ignore[arg-type]


def trace(
    made: Channel, t: Floats, raw: npt.NDArray[np.int64], ok: npt.NDArray[np.bool_] | None = None
) -> Trace:
    return Trace(
        channel=made,
        t_s=np.asarray(t, dtype=np.float64),
        raw=raw,
        ok=np.ones(t.size, dtype=np.bool_) if ok is None else ok,
    )
