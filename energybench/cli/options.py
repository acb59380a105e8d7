"""Options of several commands: the type and the help text of a name are stated once.

A command states only a default: `out: options.Out = Path("results")`. For a command without a
default, the option has a second type, `Optional…`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from energybench.errors import BadInput

STORE = Path("results")
_DAY_S = 86400.0

# ---------------------------------------------------------------- work

_REPEATS = typer.Option(
    "--repeats",
    metavar="N|auto",
    help="How often to repeat the work; auto: at least 8 times, until the scatter is small enough "
    "(in a study: as often as its plan states).",
)
_MIN_WINDOW = typer.Option(
    "--min-window",
    min=0.0,
    max=_DAY_S,
    help="Shortest repeat in seconds: shorter work is done several times in each repeat.",
)

WorkloadName = Annotated[
    str, typer.Argument(help="Name of a workload: see `energybench list workloads`.")
]
Device = Annotated[
    list[str] | None,
    typer.Option(
        "--device",
        help="Where to run the workload: cpu (default), cuda, cuda:N or node. `run` takes several, "
        "interleaves and compares them.",
    ),
]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="KEY=VALUE, a setting of the workload (may be repeated)."),
]
Repeats = Annotated[str, _REPEATS]
OptionalRepeats = Annotated[str | None, _REPEATS]
TargetRel = Annotated[
    float,
    typer.Option(
        "--target-rel",
        min=1e-6,
        help="With --repeats auto: stop once the half-width of the scatter's 95 % interval is this "
        "share of the mean.",
    ),
]
MaxRepeats = Annotated[
    int,
    typer.Option("--max-repeats", min=1, help="With --repeats auto: repeat at most this often."),
]
MinWindow = Annotated[float, _MIN_WINDOW]
OptionalMinWindow = Annotated[float | None, _MIN_WINDOW]
MaxWarmUp = Annotated[
    float,
    typer.Option(
        "--max-warm-up",
        min=1.0,
        max=_DAY_S,
        help="Warm up until the power has settled, but begin no run that would end after this many "
        "seconds.",
    ),
]
Idle = Annotated[
    float,
    typer.Option(
        "--idle",
        min=0.0,
        max=_DAY_S,
        help="Seconds of idle power to measure before the work and, except in a study, after it.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        help="Seed of the random numbers: the order of interleaved variants, simulated "
        "experiments.",
    ),
]
Settle = Annotated[
    float,
    typer.Option(
        "--settle",
        min=0.0,
        max=3600.0,
        help="Seconds between two interleaved runs; up to three times as long until the power has "
        "settled.",
    ),
]
Label = Annotated[
    str | None,
    typer.Option("--label", help="Name of the run; by default the work's name and its device."),
]

# ---------------------------------------------------------------- sensors

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
        help="Folder that /sys, /proc and /dev lie in: where a container sees its host's, say "
        "/host.",
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

_OUT = typer.Option(
    "--out",
    help="Where to write: the folder that gets the run directories (or calibration profiles), or "
    "the file of a report.",
)
Out = Annotated[Path, _OUT]
OptionalOut = Annotated[Path | None, _OUT]
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
    if not repeats.isdecimal() or int(repeats) < least:
        raise BadInput(
            f"--repeats {repeats}",
            "is not a number of repeats",
            f"a whole number from {least}, or auto",
        )
    return int(repeats)
