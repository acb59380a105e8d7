"""The sensors and the description of the machine that the command line runs on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from energybench.measuring.sensors import Sensors
    from energybench.model import Host


def open_machine(collectors: tuple[str, ...], root: Path) -> tuple[Sensors, Host]:
    """The machine's sensors as the collectors state them, without profiles, and its description."""
    from energybench import data
    from energybench.measuring import host as provenance
    from energybench.measuring.clock import MonotonicClock
    from energybench.measuring.sensors import open_all
    from energybench.plugins import Context

    clock = MonotonicClock()
    context = Context(
        clock=clock,
        root=root,
        visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
        device_order=os.environ.get("CUDA_DEVICE_ORDER"),
        priors=data.priors(),
    )
    sensors = open_all(context, collectors)
    return sensors, provenance.describe(clock, root, sensors.gpus)
