"""`energybench attach RUN --meter FILE`"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from energybench.cli import common
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
        str, typer.Option("--scope", help="What the meter sees: node, or gpu (with --device).")
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
    device: Annotated[
        str | None, typer.Option("--device", help="UUID of the board that a gpu meter sees.")
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
    store: Annotated[Path, typer.Option("--store", help="Where ids are looked up.")] = Path(
        "results"
    ),
    json: bool = common.JSON,
) -> None:
    """Lay a meter's file over a finished run, by its clock.

    Makes a new run (…_attached) beside it.
    """
    if scope not in ("node", "gpu"):
        raise BadInput(f"--scope {scope}", "is no scope", "node or gpu")
    if scope == "gpu" and device is None:
        raise BadInput("--scope gpu", "needs --device UUID", "the board that the meter sees")
    if scope == "gpu" and dc:
        raise BadInput("--dc", "is for --scope node", "leave it out")
    if scope == "node" and device is not None:
        raise BadInput(f"--device {device}", "is for --scope gpu", "leave it out")
    limit = fraction(accuracy)
    if name is not None and not re.fullmatch(r"[\w.@:+-]+", name):
        raise BadInput(
            f"--name {name}", "is no name of a meter", "letters, digits and any of . @ : + - _"
        )
    from energybench.cli import summary
    from energybench.measuring.session import ranges
    from energybench.meters.attach import Meter
    from energybench.meters.attach import attach as attach_meter
    from energybench.meters.readings import Choice

    given = Meter(
        path=meter,
        scope="gpu" if scope == "gpu" else "node",
        accuracy_rel=limit,
        name=name or re.sub(r"[^\w.@:+-]+", "_", meter.stem) or "meter",
        choice=Choice(unit, column, timezone, _pair(select)),
        device=device,
        dc=dc,
        averaging_s=averaging,
        max_offset_s=max_offset,
    )
    made = attach_meter(run, store, given, ranges())
    if json:
        common.print_json(made.measurement)
    else:
        print(summary.measurement(made.measurement))
    common.say(f"  written to {made.directory}")


def fraction(accuracy: str) -> float:
    """'1%' as 0.01. Raises BadInput."""
    found = re.fullmatch(r"\s*±?\s*(\d+(?:\.\d*)?|\.\d+)\s*%\s*", accuracy)
    value = float(found[1]) / 100 if found else 0.0
    if not 0 < value <= 0.5:
        raise BadInput(
            f"--accuracy {accuracy}",
            "is no limit of error",
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
