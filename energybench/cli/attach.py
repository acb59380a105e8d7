"""`energybench attach RUN --meter FILE`"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from energybench.cli import common, options
from energybench.errors import BadInput

_MAX_OFFSET_S = 120.0  # as energybench.analysis.align.MAX_OFFSET_S, which needs numpy


def attach(
    run: Annotated[str, typer.Argument(help="A finished run: directory, run.json or id.")],
    meter: Annotated[
        Path,
        typer.Option(
            "--meter", help="CSV with a header, or Prometheus' answer to a range query (JSON)."
        ),
    ],
    scope: Annotated[
        str, typer.Option("--scope", help="What the meter sees: node, or gpu (with --board).")
    ],
    accuracy: Annotated[
        str, typer.Option("--accuracy", help="Its limit of error, as its maker states it: 1%.")
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="Of the meter, the same in every run it is attached to; default: the file's.",
        ),
    ] = None,
    board: Annotated[
        str | None, typer.Option("--board", help="With --scope gpu: UUID of the board it sees.")
    ] = None,
    dc: Annotated[
        bool, typer.Option("--dc", help="The node meter sits behind the power supply (a BMC).")
    ] = False,
    column: Annotated[
        str | None, typer.Option("--column", help="The value column, where there are several.")
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            "--unit", help="W, kW, mW, J, kJ, Wh or kWh, where the column's name does not say it."
        ),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="Of times without a zone: Europe/Berlin, UTC.")
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(
            "--select", help="LABEL=VALUE of the series, where a Prometheus answer holds several."
        ),
    ] = None,
    averaging: Annotated[
        float | None,
        typer.Option(
            "--averaging",
            min=0.0,
            help="Seconds that a power reading averages over; default: its spacing.",
        ),
    ] = None,
    max_offset: Annotated[
        float,
        typer.Option(
            "--max-offset", min=0.0, max=3600.0, help="Seconds that the meter's clock may be off."
        ),
    ] = _MAX_OFFSET_S,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Add the readings of your own power meter to a finished run.

    Aligns the meter's file with the run by their clocks, and writes a new run (…_attached) beside
    the first.
    """
    from energybench.cli import summary
    from energybench.measuring.session import ranges
    from energybench.meters.attach import attach as attach_meter
    from energybench.meters.attached_run import Meter
    from energybench.meters.readings import Choice

    _check(scope, board, name, dc=dc)
    stated_meter = Meter(
        path=meter,
        scope="gpu" if scope == "gpu" else "node",
        accuracy_rel=fraction(accuracy),
        name=name or re.sub(r"[^\w.@:+-]+", "_", meter.stem) or "meter",
        choice=Choice(unit, column, timezone, _pair(select)),
        device=board,
        dc=dc,
        averaging_s=averaging,
        max_offset_s=max_offset,
    )
    attached = attach_meter(run, store, stated_meter, ranges())
    if json:
        common.print_json(attached.measurement)
    else:
        lines = [summary.measurement(attached.measurement)]
        print("\n".join(lines + summary.explained(attached.measurement.doubts)))
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
    match = re.fullmatch(r"\s*±?\s*(\d+(?:\.\d*)?|\.\d+)\s*%\s*", accuracy)
    value = float(match[1]) / 100 if match else 0.0
    if not 0 < value <= 0.5:
        raise BadInput(
            f"--accuracy {accuracy}",
            "is not a limit of error",
            "a percentage of the reading up to 50, with its sign: 1%",
        )
    return value


def _pair(select: str | None) -> tuple[str, str] | None:
    if select is None:
        return None
    label, equals, value = select.partition("=")
    if not equals or not label:
        raise BadInput(f"--select {select}", "is not LABEL=VALUE", "instance=node01")
    return label, value.strip('"')
