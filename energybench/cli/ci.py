"""`energybench ci compare A B` and `energybench ci-summary FILE…`"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from energybench.cli import common, gate_lines, options
from energybench.errors import BadInput

if TYPE_CHECKING:
    from energybench.gating.records import Record

    _Side = Mapping[str, Sequence[Record]]

_SIDE = "file of records, JSON of pytest-benchmark, history, or store of runs"

app = typer.Typer(
    help="Compare the energy of tests with a baseline (a gate of CI).",
    no_args_is_help=True,
)


@app.callback()
def _ci() -> None:
    """Compare the energy of tests with a baseline (a gate of CI)."""


@app.command("compare")
def compare(
    baseline: Annotated[Path, typer.Argument(help=f"Baseline: {_SIDE}.")],
    candidate: Annotated[Path, typer.Argument(help=f"Candidate: {_SIDE}.")],
    threshold: Annotated[
        str, typer.Option("--threshold", metavar="N%", help="More energy than this is a regression")
    ] = "5%",
    between_runs: Annotated[
        str | None,
        typer.Option(
            "--between-runs",
            metavar="N%",
            help="Scatter between processes, for baselines of a single run. Default: as "
            "`energybench ab --same` measured it here (.energybench), else 2%.",
        ),
    ] = None,
    fail_on_saved_run: Annotated[
        bool,
        typer.Option(
            "--fail-on-saved-run", help="Let a baseline of fewer than five sessions fail, too."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Compare tests by name, or runs by label; exit code 1 if one regressed.

    Exit codes: 0 if no test fails, 1 if a test fails, 2 for bad input, such as a file that is
    compared with itself: that gate would never fail. Five sessions of the
    baseline can fail a test; fewer only warn, because runs scatter too (docs/ci.md).
    """
    from energybench.gating.between_runs import KeptScatter, RunScatter
    from energybench.gating.compare import compare_saved
    from energybench.gating.sides import read_side
    from energybench.gating.threshold import threshold_rel

    limit = threshold_rel(threshold, "--threshold")
    kept = KeptScatter()
    scatter = kept.of
    if between_runs is not None:
        stated = RunScatter(threshold_rel(between_runs, "--between-runs"), "stated")
        scatter = lambda candidate: stated  # noqa: E731
    before, now = read_side(baseline), read_side(candidate)
    if before.keys().isdisjoint(now):
        raise BadInput(
            f"{baseline} and {candidate}", "have no test in common", "compare by equal names"
        )
    if _same_session(baseline, candidate, before, now):
        raise BadInput(
            f"{baseline} and {candidate}",
            "hold the same session: it has no change to find",
            "name the file of an earlier session as the baseline",
        )
    verdicts = []
    for name, records in now.items():
        verdict = compare_saved(
            before.get(name, ()),
            records[-1],
            limit,
            between_runs=scatter,
            fail_on_saved_run=fail_on_saved_run,
        )
        if verdict.fails:
            verdict = msgspec.structs.replace(verdict, confirmed_by="saved files")
        verdicts.append(verdict)
    for later in kept.later_fields:
        warnings.warn(later, stacklevel=2)
    for refusal in kept.refusals:
        common.say(f"energybench: {refusal}")
    if json:
        common.print_json(verdicts)
    else:
        common.show(gate_lines.lines(verdicts, sum(name not in now for name in before)))
    raise typer.Exit(1 if any(verdict.fails for verdict in verdicts) else 0)


def _same_session(baseline: Path, candidate: Path, before: _Side, now: _Side) -> bool:
    """Whether both are the same file, or the same store of several sessions, or the baseline is a
    file that holds no other session than the candidate. A history or a store of one session alone
    has only begun.
    """
    tests = [*before.values(), *now.values()]
    sessions = {record.session for records in tests for record in records}
    if not baseline.is_file():
        return baseline.samefile(candidate) and len(sessions) > 1
    return baseline.samefile(candidate) or (len(sessions) == 1 and "" not in sessions)


def ci_summary(
    files: Annotated[list[Path], typer.Argument(help=f"Each a {_SIDE}.")],
    format_: Annotated[
        str,
        typer.Option("--format", help="github, action-benchmark, bencher, openmetrics or csv."),
    ] = "github",
) -> None:
    """Print energies of tests in a format of other tools.

    github: a job summary in Markdown. action-benchmark: for github-action-benchmark,
    customSmallerIsBetter. bencher: Bencher Metric Format. openmetrics: OpenMetrics text.
    csv: a row for each quantity of a test (test, quantity, value, low, high, unit, quality).
    """
    from energybench.gating.sides import read_side
    from energybench.gating.summaries import summary

    sides = [read_side(file) for file in files]
    records = [one for side in sides for tests in side.values() for one in tests]
    common.print_bytes(summary(records, format_).encode())
