"""A session on a virtual clock: the real sampler, store and analysis over sensors of known power;
hours pass in a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from energybench.collectors.replay import Replay, StepsWave, SyntheticChannel, SyntheticSeries
from energybench.measuring.clock import VirtualClock
from energybench.measuring.conditions import Watch
from energybench.measuring.plan import Plan
from energybench.measuring.sampler import Opened
from energybench.measuring.sensors import Sensors
from energybench.measuring.session import Session
from energybench.model import Host
from energybench.plugins import Context


def board(steps: Sequence[tuple[float, float]], **changes: Any) -> SyntheticChannel:
    """An exact counter of a board whose power follows these steps, (s, W)."""
    stated = {
        "device": "GPU-0",
        "component": "gpu.board",
        "kind": "counter",
        "period_s": 0.02,
        "wave": StepsWave(steps=tuple(steps)),
    }
    return SyntheticChannel(**{**stated, **changes})


class VirtualSession(Session):
    """Measures `channels` from virtual time 0 on."""

    def __init__(
        self, store: Path, channels: Sequence[SyntheticChannel], idle_s: float = 0.0
    ) -> None:
        clock = VirtualClock()
        super().__init__(
            Plan(store=store, label="v", boundary="device", idle_s=idle_s, command=("p",)),
            clock,
            clock.advance,
            lambda: None,
            lambda *_: None,
        )
        self._series = tuple(SyntheticSeries(channel) for channel in channels)

    def open_sensors(self, context: Context) -> Sensors:
        collector = Replay(self._series)
        return Sensors((Opened(collector, tuple(collector.open(context)), 0),), (), (), (), ())

    def describe_host(self) -> Host:
        return Host(name="virtual")

    def watch(self, context: Context) -> Watch:
        return Watch((), None, self.clock)

    def work(self, seconds: float) -> dict[str, Any]:
        """Let the work run so long, sampled at the base rate: what a worker answers."""
        start = self.clock.now()
        self.sampler.base(lambda: False, start + seconds)
        return {"start_s": start, "end_s": self.clock.now()}

    def repeat(self, number: int, seconds: float) -> None:
        with self.windows.repeat(number) as window:
            ran = self.work(seconds)
            window.end(ran["end_s"])
