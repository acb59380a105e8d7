"""The nouns of a campaign file: cases, platforms, and comparisons of cases on platforms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from energybench.model import BoundaryName, Noun, Positive
from energybench.model.adapter import Adapter

Number = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
Scaling = Literal["strong", "weak"]
Repeats = Number | Literal["auto"]
Setting = str | bool | int | float

# nvidia-smi(1), "DEVICE MODIFICATION OPTIONS": -pl takes watts, and needs the right to change
# limits. After the work every board gets the default limit of its own.
CAP = ("nvidia-smi", "--power-limit={watts}")
UNDO_CAP = (
    *("sh", "-c"),
    "nvidia-smi --query-gpu=index,power.default_limit --format=csv,noheader,nounits | "
    "{ end=none; while IFS=', ' read -r board watts; do "
    'nvidia-smi --id="$board" --power-limit="$watts" || end=failed; '
    '[ "$end" = failed ] || end=good; done; [ "$end" = good ]; }',
)


class Case(Noun, frozen=True, kw_only=True):
    """The work: a workload of `energybench run`, or an application.

    settings   of the workload, as `--set` of `run`
    command    words of the application's command, without a launcher such as srun
    adapter    name or file of the adapter that reads work and checks from the application's output
    platforms  names of the case's platforms; None: all platforms
    scaling    with more nodes the problem stays the same (strong) or grows in proportion (weak). In
               settings and command of a weak case, {nodes} stands for the number of nodes
    """

    workload: str | None = None
    size: str | None = None
    settings: dict[str, Setting] = {}
    command: tuple[str, ...] = ()
    adapter: str | None = None
    platforms: tuple[str, ...] | None = None
    repeats: Repeats | None = None
    scaling: Scaling = "strong"


class Platform(Noun, frozen=True, kw_only=True):
    """The nodes for cases, and the way in which a job gets the nodes.

    nodes            nodes of a run; with a list, a case runs once on each number of nodes
    spread           number of nodes on which a single-node case runs, independently on each node
    device           of workloads: cpu, cuda, cuda:N or node
    minutes          time limit of a case; the limit of a job is the sum over its cases
    setup            lines of the shell before the cases, such as "module load cray-mpich"
    container        words before the program of the work, such as ["shifter"]
    launch           words before an application
    energybench      the program on these nodes
    gpu_power_w      power cap of every board, one or several; set by gpu_power_command
    gpu_power_command  words that cap the boards of a node; {watts} stands for the cap
    gpu_power_undo   words that undo the cap on a node
    gpu_clock_mhz    clock of every board (--gpu-freq)
    cpu_clock_khz    clock of the cores (--cpu-freq), set by Slurm for programs under srun
    sbatch           further options of sbatch, such as ["--switches=1"]
    """

    nodes: Number | tuple[Number, ...] = 1
    spread: Number = 1
    device: str = "cpu"
    partition: str | None = None
    constraint: str | None = None
    account: str | None = None
    qos: str | None = None
    reservation: str | None = None
    gpus_per_node: int = 0
    gpu_type: str | None = None
    tasks_per_node: Number | None = None
    cpus_per_task: Number | None = None
    exclusive: bool = True
    minutes: Number = 60
    setup: tuple[str, ...] = ()
    container: tuple[str, ...] = ()
    launch: tuple[str, ...] = ("srun",)
    energybench: str = "energybench"
    gpu_power_w: Number | tuple[Number, ...] | None = None
    gpu_power_command: tuple[str, ...] = CAP
    gpu_power_undo: tuple[str, ...] = UNDO_CAP
    gpu_clock_mhz: Number | tuple[Number, ...] | None = None
    cpu_clock_khz: Number | tuple[Number, ...] | None = None
    sbatch: tuple[str, ...] = ()


class Pair(Noun, frozen=True, kw_only=True):
    """Two sides to compare, both written as CASE@PLATFORM."""

    baseline: str
    candidate: str


class Published(Noun, frozen=True, kw_only=True):
    """A published energy ratio, for comparison with measured ratios. name: subject of the ratio"""

    name: str
    energy_ratio: Positive
    source: str


class Campaign(Noun, frozen=True, kw_only=True):
    """The content of a campaign file.

    folder        folder of the file; commands of applications start there
    scenarios     names of built-in scenarios, or scenario files beside the campaign file
    min_window_s  shortest repeat of a workload; None: the default of `energybench run`
    adapters      content of the cases' adapters when the file was read, by the name in the case
    """

    name: str
    title: str
    about: str
    folder: Path
    repeats: Repeats
    idle_s: float
    min_window_s: float | None
    max_warm_up_s: float | None
    boundary: BoundaryName
    margin: Positive
    scenarios: tuple[str, ...]
    cases: dict[str, Case]
    platforms: dict[str, Platform]
    comparisons: tuple[Pair, ...]
    published: tuple[Published, ...] = ()
    adapters: dict[str, Adapter] = {}
