"""What a run is to be. Imports next to nothing: signals are blocked before the libraries with threads of their own are loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from energybench.model import BoundaryName, WorkloadRef

Progress = Callable[[str, float | None], None]  # what is going on, and how far it is (0…1; None: not known)


class Plan(NamedTuple):
    """What a run is to be: where it goes, what it is called, what it covers."""

    store: Path
    label: str
    boundary: BoundaryName
    idle_s: float
    command: tuple[str, ...] | None = None
    workload: WorkloadRef | None = None
    collectors: tuple[str, ...] = ()
    visible_devices: str | None = None
    device_order: str | None = None
    root: Path = Path("/")  # prefix of /sys, /proc and /dev
