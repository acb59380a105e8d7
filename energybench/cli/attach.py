"""`energybench attach RUN --meter FILE`, and `energybench attach JOB --node NAME --meter FILE`"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from energybench.cli import common, number_options, options
from energybench.errors import BadInput

_MAX_OFFSET_S = 120.0  # as energybench.analysis.align.MAX_OFFSET_S, which needs numpy


def attach(
    run: Annotated[str, typer.Argument(help="A finished run or job: directory, run.json or id.")],
    meter: Annotated[
        Path,
        typer.Option(
            "--meter",
            help="File of the meter: CSV, JSON, or the log of a power tool (docs/attach.md).",
        ),
    ],
    scope: Annotated[
        str, typer.Option("--scope", help="The meter measures the node, or one gpu (with --board).")
    ],
    accuracy: Annotated[
        str,
        typer.Option("--accuracy", help="The meter's limit of error, as its maker states it: 1%."),
    ],
    node: Annotated[
        str | None,
        typer.Option("--node", help="Of a job on several nodes, the node that the meter measures."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="Name of the meter, the same in every run that it is attached to; default: the "
            "name of the file, which is another meter on every host and for every --select.",
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option("--board", help="With --scope gpu: UUID of the board that is measured."),
    ] = None,
    dc: Annotated[
        bool, typer.Option("--dc", help="The node meter sits behind the power supply (a BMC).")
    ] = False,
    column: Annotated[
        str | None, typer.Option("--column", help="Column of the values, if there are several.")
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            "--unit",
            help="Unit of the values, if the column's name does not state it: W, kW, mW, J, kJ, Wh "
            "or kWh.",
        ),
    ] = None,
    time_column: Annotated[
        list[str] | None,
        typer.Option(
            "--time-column",
            help="Column of the times; state it twice for a column of dates and one of times "
            "(a third one may hold their milliseconds).",
        ),
    ] = None,
    time_format: Annotated[
        str | None,
        typer.Option(
            "--time-format",
            help="Format of the times for Python's strptime, such as %d/%m/%Y %H:%M:%S.",
        ),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", help="Zone of times that state none: Europe/Berlin, UTC."),
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            help="COLUMN=VALUE of the rows to take, LABEL=VALUE of the series (may be repeated).",
        ),
    ] = None,
    holds: Annotated[
        bool,
        typer.Option(
            "--holds", help="The meter logs changes only: a power holds until the next one."
        ),
    ] = False,
    per_interval: Annotated[
        bool,
        typer.Option("--per-interval", help="Each row holds the energy used since the row before."),
    ] = False,
    averaging: Annotated[
        float | None,
        number_options.number(
            "--averaging",
            low=0.0,
            high=3600.0,
            help="Seconds over which a power reading averages; default: the spacing of the "
            "readings.",
        ),
    ] = None,
    max_offset: Annotated[
        float,
        number_options.number(
            "--max-offset", low=0.0, high=3600.0, help="Seconds that the meter's clock may be off."
        ),
    ] = _MAX_OFFSET_S,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Add the readings of your own power meter to a finished run.

    Aligns the meter's file with the run by their clocks, and writes a new run (…_attached) beside
    the first. Of a job on several nodes, --node NAME is the meter's node: the new job has the meter
    in the part of that node, and a meter of another node can be attached to the new job.
    """
    from energybench.cli import doubt_lines, summary
    from energybench.measuring.session import ranges
    from energybench.meters.attached_job import attach as attach_meter
    from energybench.meters.attached_run import Meter
    from energybench.meters.readings import Choice, Undecided

    _check(scope, board, name, dc=dc)
    if averaging is not None and holds:
        raise BadInput("--averaging", "is not for --holds", "state one of the two")
    stated_meter = Meter(
        path=meter,
        scope="gpu" if scope == "gpu" else "node",
        accuracy_rel=fraction(accuracy),
        name=name or re.sub(r"[^\w.@:+-]+", "_", meter.stem) or "meter",
        choice=Choice(
            unit=unit,
            column=column,
            timezone=timezone,
            select=tuple(_pair(one) for one in select or ()),
            time_columns=_time_columns(time_column or []),
            time_format=time_format,
            board=board,
            per_interval=per_interval,
        ),
        device=board,
        dc=dc,
        averaging_s=averaging,
        holds=holds,
        max_offset_s=max_offset,
        named=name is not None,
    )
    try:
        attached = attach_meter(run, store, stated_meter, ranges(), node)
    except Undecided as error:
        if not error.works:
            raise
        stated = {
            "--meter": str(meter),
            "--scope": scope,
            "--accuracy": accuracy,
            "--node": node,
            "--name": name,
            "--board": board,
            "--dc": dc,
            "--column": column,
            "--unit": unit,
            "--time-column": time_column,
            "--time-format": time_format,
            "--timezone": timezone,
            "--select": select,
            "--holds": holds,
            "--per-interval": per_interval,
            "--averaging": averaging,
            "--max-offset": max_offset if max_offset != _MAX_OFFSET_S else None,
            "--store": None if store == options.STORE else str(store),
        }
        # an option that works takes the place of the stated one; --select may stand several times
        replaced = {option[0] for option in error.works if option[0] != "--select"}
        kept = {flag: value for flag, value in stated.items() if flag not in replaced}
        command = shlex.join([*_command(run, kept), *chain(*error.works)])
        raise BadInput(error.where, error.what, f"for example: {command}") from None
    if json:
        common.print_json(attached.measurement)
    else:
        lines = [summary.measurement(attached.measurement)]
        print("\n".join(lines + doubt_lines.explained(attached.measurement.doubts)))
    common.say(f"  written to {attached.directory}")


def _check(scope: str, board: str | None, name: str | None, *, dc: bool) -> None:
    """Raises BadInput for options that contradict each other."""
    if scope not in ("node", "gpu"):
        raise BadInput(f"--scope {scope}", "is not a scope", "node or gpu")
    if scope == "gpu" and board is None:
        raise BadInput("--scope gpu", "needs --board UUID", "the board that the meter sees")
    if scope == "gpu" and dc:
        raise BadInput("--dc", "is for --scope node", "leave it out")
    if scope == "node" and board is not None:
        raise BadInput(f"--board {board}", "is for --scope gpu", "leave it out")
    if name is not None and not re.fullmatch(r"[\w.@:+-]+", name):
        raise BadInput(
            f"--name {name}", "is not a meter's name", "letters, digits and any of . @ : + - _"
        )


def fraction(accuracy: str) -> float:
    """'1%' as 0.01. Raises BadInput."""
    match = re.fullmatch(r"\s*±?\s*(\d+(?:\.\d*)?|\.\d+)\s*%\s*", accuracy, re.ASCII)
    value = float(match[1]) / 100 if match else 0.0
    if not 0 < value <= 0.5:
        raise BadInput(
            f"--accuracy {accuracy}",
            "is not a limit of error",
            "a percentage of the reading, above 0 % and up to 50 %, such as 1%",
        )
    return value


def _command(run: str, stated: Mapping[str, object]) -> list[str]:
    """The words of a command with the options that were stated."""
    words = ["energybench", "attach", run]
    for flag, value in stated.items():
        for one in value if isinstance(value, list) else [value]:
            if one is True:
                words.append(flag)
            elif one is not None and one is not False:
                words += [flag, str(one)]
    return words


def _pair(select: str) -> tuple[str, str]:
    label, equals, value = select.partition("=")
    if not equals or not label:
        raise BadInput(f"--select {select}", "is not LABEL=VALUE", "outlet=7")
    return label.strip(), value.strip().strip('"')


def _time_columns(names: list[str]) -> tuple[str, ...]:
    if len(names) > 3 or (len(names) == 3 and len(set(names)) < 3):
        raise BadInput("--time-column", f"stands {len(names)} times", "once, or twice")
    return tuple(names)
