"""Plan and request of a run.

Imports next to nothing: signals are blocked before libraries with threads are loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from energybench.errors import BadInput
from energybench.model import BoundaryName, WorkloadRef

MAX_REPEATS = 20
TARGET_REL = 0.02
MIN_WINDOW_S = 1.0  # shorter work is done several times in a repeat
# The shortest core phase of EE HPC WG. Power not settled in a minute will not settle while anybody
# waits.
MAX_WARM_UP_S = 60.0
SEED, SETTLE_S = 1, 1.0

# reports progress: a text, and the finished share (0 to 1; None: not known)
Progress = Callable[[str, float | None], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Where a run is written, how it is named, and which sensors measure it.

    store            folder for the run directory
    label            name of the run
    boundary         parts of the node covered by the energy
    idle_s           length of the idle phases before and after the work, s; 0: no idle phase
    command          program and arguments for `measure`; None: a workload
    workload         workload, size, device and settings for `run`; None: a program
    collectors       names of the only collectors to open; empty: every working collector
    visible_devices  CUDA_VISIBLE_DEVICES of the work; None: not set
    device_order     CUDA_DEVICE_ORDER of the work; None: not set
    root             prefix of /sys, /proc and /dev
    repeats          number of repeats that were asked for; None: until the interval is narrow
    session          identifier shared by interleaved runs; None: a run alone
    run_id           name of the run's directory; None: made from time and label
    part_of_job      whether the run is one node's part of a job whose other nodes are read as well
    """

    store: Path
    label: str
    boundary: BoundaryName
    idle_s: float
    command: tuple[str, ...] | None = None
    workload: WorkloadRef | None = None
    collectors: tuple[str, ...] = ()
    visible_devices: str | None = None
    device_order: str | None = None
    root: Path = Path("/")
    repeats: int | None = None
    session: str | None = None
    run_id: str | None = None
    part_of_job: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A workload to run, and how often and how long.

    workload       name of the workload
    size           a size of the workload
    device         cpu, cuda, cuda:N or node
    settings       settings of the workload by key
    repeats        number of repeats; None: at least 8, until `target_rel` or `max_repeats` is
                   reached
    target_rel     half-width of the scatter's 95 % interval to stop at, relative to the mean
    max_repeats    number of repeats to stop at in any case
    min_window_s   shortest repeat, s: shorter work is done several times in a repeat
    max_warm_up_s  latest end of a warm-up run, s after the start of the warm-up
    typed          by key, the option as it was typed, for settings that did not come by --set
    copies         whether every task of a parallel launch is to do the work for itself
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
    typed: Mapping[str, str] = field(default_factory=dict)
    copies: bool = False

    def as_typed(self, error: BadInput) -> BadInput:
        """The error with the option as typed.

        A workload names a setting as `--set KEY`; a person who typed a different option looks for
        that option.
        """
        option, _, entry = error.where.partition(" ")
        typed = self.typed.get(entry.partition("=")[0]) if option == "--set" else None
        if typed is None:
            return error
        where = f"{typed}: {entry}" if "," in typed else typed
        return BadInput(where, error.what, error.remedy)


@dataclass(frozen=True, kw_only=True, slots=True)
class Blocks:
    """How interleaved runs take turns.

    seed      of the random numbers for the order of the runs in every block
    settle_s  shortest time between two runs, s
    """

    seed: int = SEED
    settle_s: float = SETTLE_S
