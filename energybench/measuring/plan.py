"""What a run is to be.

Imports next to nothing: signals are blocked before the libraries with threads of their own are
loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.model import BoundaryName, WorkloadRef

MAX_REPEATS = 20
TARGET_REL = 0.02
MIN_WINDOW_S = 1.0  # a repeat shorter than this does its work several times over
# EE HPC WG's shortest core phase: what has not settled in that long will not while anybody waits
MAX_WARM_UP_S = 60.0
SEED, SETTLE_S = 1, 1.0

Progress = Callable[
    [str, float | None], None
]  # what is going on, and how far it is (0…1; None: not known)


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
    session: str | None = None  # shared by runs that are interleaved


class Request(NamedTuple):
    """What to run. repeats: a fixed number, or None for at least 8 and until the scatter's
    half-width reaches target_rel.
    """

    workload: str
    size: str
    device: str
    settings: Mapping[str, str]
    repeats: int | None = None
    target_rel: float = TARGET_REL
    max_repeats: int = MAX_REPEATS
    min_window_s: float = MIN_WINDOW_S
    max_warm_up_s: float = MAX_WARM_UP_S
    typed: Mapping[
        str, str
        # settings that came by another option than --set KEY=VALUE: key → that option as it was
        # typed
    ] = {}

    def as_typed(self, error: BadInput) -> BadInput:
        """A workload's word on a setting names it as `--set KEY`; whoever typed it otherwise looks
        for what they typed.
        """
        option, _, entry = error.where.partition(" ")
        typed = self.typed.get(entry.partition("=")[0]) if option == "--set" else None
        if typed is None:
            return error
        return BadInput(f"{typed}: {entry}" if "," in typed else typed, error.what, error.remedy)


class Blocks(NamedTuple):
    """How interleaved runs take turns: the order in each block is drawn with `seed`; at least
    `settle_s` lie between two runs.
    """

    seed: int = SEED
    settle_s: float = SETTLE_S
