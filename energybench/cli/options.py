"""Options of several commands: the type of a name is stated once, and its help text is true for
every command that has the option.

A command states only a default: `out: options.Out = Path("results")`. If commands differ in what
an option means, the option has a type for each, such as `Out`, `ProfilesOut` and `ReportOut`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from energybench.cli import number_options
from energybench.errors import BadInput
from energybench.sensor_root import ROOT_VARIABLE
from energybench.units import MOST_WHOLE, whole_number

STORE = Path("results")
_DAY_S = 86400.0
_MOST_REPEATS = 1_000_000

# ---------------------------------------------------------------- work

_AUTO = "auto: at least 8 times, until the scatter is small enough"
_SHORT_WORK = "shorter work is done several times in each repeat"


def _repeats(text: str) -> Any:
    return typer.Option("--repeats", metavar="N|auto", help=text)


def _min_window(text: str) -> Any:
    return number_options.number("--min-window", low=0.0, high=_DAY_S, help=text)


def _idle(text: str) -> Any:
    return number_options.number("--idle", low=0.0, high=_DAY_S, help=text)


def _seed(text: str) -> Any:
    return number_options.whole("--seed", low=0, high=MOST_WHOLE, help=text)


WorkloadName = Annotated[
    str, typer.Argument(help="Name of a workload: see `energybench list workloads`.")
]
Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--device",
        help="Where to run the workload: cpu (default), cuda, cuda:N or node. Several devices "
        "(repeat the option) are interleaved and compared.",
    ),
]
StudyDevice = Annotated[
    list[str] | None,
    typer.Option(
        "--device", help="Where to run the workload: cpu (default), cuda, cuda:N or node."
    ),
]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="KEY=VALUE, a setting of the workload (may be repeated)."),
]
Repeats = Annotated[str, _repeats(f"How often to repeat the work; {_AUTO}.")]
StudyRepeats = Annotated[
    str | None,
    _repeats(f"How often to repeat each variant in a cell; {_AUTO}. Default: as the plan states."),
]
TargetRel = Annotated[
    float,
    number_options.number(
        "--target-rel",
        low=1e-6,
        high=1.0,
        help="With --repeats auto: stop once the half-width of the scatter's 95 % interval is this "
        "share of the mean.",
    ),
]
MaxRepeats = Annotated[
    int,
    number_options.whole(
        "--max-repeats",
        low=1,
        high=_MOST_REPEATS,
        help="With --repeats auto: repeat at most this often.",
    ),
]
MinWindow = Annotated[float, _min_window(f"Shortest repeat in seconds: {_SHORT_WORK}.")]
StudyMinWindow = Annotated[
    float | None,
    _min_window(f"Shortest repeat in seconds: {_SHORT_WORK}. Default: as the plan states."),
]
MaxWarmUp = Annotated[
    float,
    number_options.number(
        "--max-warm-up",
        low=1.0,
        high=_DAY_S,
        help="Warm up until the power has settled, but begin no run that would end after this many "
        "seconds.",
    ),
]
Idle = Annotated[
    float, _idle("Seconds of idle power to measure before the work and after the work.")
]
StudyIdle = Annotated[float, _idle("Seconds of idle power to measure once, before the first cell.")]
Copies = Annotated[
    bool,
    typer.Option(
        "--copies",
        help="Inside srun, mpirun or torchrun: let every task do all of the work for itself, as a "
        "test of throughput.",
    ),
]
OrderSeed = Annotated[int, _seed("Seed of the order in which variants take turns.")]
ExperimentSeed = Annotated[int, _seed("Seed of the random numbers of the experiments.")]
Settle = Annotated[
    float,
    number_options.number(
        "--settle",
        low=0.0,
        high=3600.0,
        help="Seconds between two interleaved runs; up to three times as long until the power has "
        "settled.",
    ),
]
Label = Annotated[
    str | None,
    typer.Option("--label", help="Name of the run; by default the workload's name and device."),
]
ProgramLabel = Annotated[
    str | None,
    typer.Option("--label", help="Name of the run; by default the program's name."),
]

Nodes = Annotated[
    str,
    typer.Option(
        "--nodes",
        help="Which nodes to read: this (this node), or job (every node of the Slurm job, each "
        "counted once).",
    ),
]

Adapter = Annotated[
    str | None,
    typer.Option(
        "--adapter",
        metavar="NAME|FILE",
        help="Read work, figure of merit and checks from the program's output: an adapter of "
        "./adapters or of `energybench list adapters`, or its TOML file.",
    ),
]

# ---------------------------------------------------------------- sensors

Margin = Annotated[
    float,
    number_options.number(
        "--margin", low=0.0, high=1.0, help="Ratios within 1/(1+m) … 1+m are equivalent."
    ),
]
Boundary = Annotated[
    str,
    typer.Option("--boundary", help="What the joules cover: compute, device, node-dc or node-ac."),
]
Collector = Annotated[
    list[str] | None,
    typer.Option("--collector", help="Use only this collector (may be repeated)."),
]
Root = Annotated[
    Path,
    typer.Option(
        "--root",
        envvar=ROOT_VARIABLE,
        help="Folder with the /sys, /proc and /dev to read, such as /host if a container sees "
        "those of its host there.",
    ),
]
Replay = Annotated[
    Path | None,
    typer.Option(
        "--replay",
        help="Replay a recorded run or a synthetic trace (TOML) on a virtual clock; nothing runs.",
    ),
]

# ---------------------------------------------------------------- results

Out = Annotated[Path, typer.Option("--out", help="Folder that gets the directories of the runs.")]
StudyOut = Annotated[
    Path,
    typer.Option("--out", help="Folder that gets the directories of the study and of its runs."),
]
QuickstartOut = Annotated[
    Path,
    typer.Option("--out", help="Folder that gets the directories of the runs, and the report."),
]
ProfilesOut = Annotated[
    Path | None,
    typer.Option(
        "--out", help="Folder that gets the calibration profiles. Default: your own profiles."
    ),
]
ReportOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="File that gets the report, or folder for a format of several files. Default: the "
        "terminal.",
    ),
]
PublicationFile = Annotated[
    Path | None,
    typer.Option(
        "--publication",
        help="TOML file of the publisher: who, when, which baseline and why (docs/reports.md).",
    ),
]
ReportDate = Annotated[
    str | None,
    typer.Option(
        "--date",
        help="Date of the report, 2026-11-29 or with time and zone. Default: SOURCE_DATE_EPOCH if "
        "that is set, else now.",
    ),
]
Store = Annotated[
    Path, typer.Option("--store", help="Folder of run directories in which ids are looked up.")
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document on stdout; all else goes to stderr."),
]


def repeat_count(repeats: str, least: int = 1) -> int | None:
    """The number in `--repeats`; None for auto. Raises BadInput."""
    if repeats == "auto":
        return None
    count = whole_number(repeats)
    if count is None or count < least:
        raise BadInput(
            f"--repeats {repeats}",
            "is not a number of repeats",
            f"a whole number from {least}, or auto",
        )
    return count
