"""`energybench compare BASELINE CANDIDATE`"""

from __future__ import annotations

from typing import Annotated

import typer

from energybench.cli import common, options


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
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Compare two runs: energy ratio and speedup, with a verdict.

    Energy ratio = E_baseline / E_candidate, speedup = T_baseline / T_candidate, with intervals.
    `--json > FILE` keeps the comparison for `project`.
    """
    from energybench.analysis.comparison.compare import compare as compare_measurements
    from energybench.cli import summary
    from energybench.store import reader

    sides = [reader.measurement(name, store)[1] for name in (baseline, candidate)]
    result = compare_measurements(sides[0], sides[1], margin, force=force)
    if json:
        common.print_json(result)
    else:
        print("\n".join([summary.comparison(result), *summary.explained(result.doubts)]))
