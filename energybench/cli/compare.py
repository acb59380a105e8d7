"""`energybench compare BASELINE CANDIDATE`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from energybench.cli import common


def compare(
    baseline: Annotated[str, typer.Argument(help="Run directory, run.json or id.")],
    candidate: Annotated[str, typer.Argument(help="Run directory, run.json or id.")],
    margin: Annotated[
        float,
        typer.Option(
            "--margin", min=0.0, max=1.0, help="Ratios within 1/(1+m) … 1+m are equivalent."
        ),
    ] = 0.05,
    force: Annotated[
        bool, typer.Option("--force", help="Compare what is not comparable, with that doubt.")
    ] = False,
    store: Annotated[Path, typer.Option("--store", help="Where ids are looked up.")] = Path(
        "results"
    ),
    json: bool = common.JSON,
) -> None:
    """Energy ratio = E_baseline / E_candidate and speedup, with intervals and a verdict. --json >
    FILE keeps it for `project`.
    """
    from energybench.analysis.comparison.compare import compare as compare_measurements
    from energybench.cli import summary
    from energybench.store import reader

    sides = [reader.measurement(name, store)[1] for name in (baseline, candidate)]
    result = compare_measurements(sides[0], sides[1], margin, force=force)
    if json:
        common.print_json(result)
    else:
        print(summary.comparison(result))
