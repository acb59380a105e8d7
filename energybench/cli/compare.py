"""`energybench compare BASELINE CANDIDATE`"""

from __future__ import annotations

from typing import Annotated

import typer

from energybench.cli import common, options


def compare(
    baseline: Annotated[str, typer.Argument(help="Run directory, run.json or id.")],
    candidate: Annotated[str, typer.Argument(help="Run directory, run.json or id.")],
    margin: options.Margin = 0.05,
    force: Annotated[
        bool, typer.Option("--force", help="Compare different work all the same, with a doubt.")
    ] = False,
    store: options.Store = options.STORE,
    json: options.Json = False,
) -> None:
    """Compare two runs: energy ratio and speedup, with a verdict.

    Energy ratio = E_baseline / E_candidate, speedup = T_baseline / T_candidate, with intervals.
    `--json > FILE` keeps the comparison for `project`.
    """
    from energybench.analysis.comparison.compare import compare as compare_measurements
    from energybench.cli import doubt_lines, summary
    from energybench.errors import BadInput, Refused
    from energybench.store import digests, reader

    (first, before), (second, after) = (
        reader.measurement(name, store) for name in (baseline, candidate)
    )
    try:
        compared = compare_measurements(before, after, margin, force=force)
    except Refused as refusal:
        if not refusal.may_be_forced:
            raise
        remedy = f"{refusal.remedy}; --force compares all the same, with that doubt"
        raise BadInput(refusal.where, refusal.what, remedy) from None
    result = digests.with_digests(compared, first, second)
    if json:
        common.print_json(result)
    else:
        print("\n".join([summary.comparison(result), *doubt_lines.explained(result.doubts)]))
