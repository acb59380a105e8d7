"""`energybench adapter check FILE OUTPUT`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from energybench.cli import common, options
from energybench.errors import BadInput

if TYPE_CHECKING:
    from energybench.adapters.adapter_file import LoadedAdapter
    from energybench.adapters.outcome import Outcome

app = typer.Typer(
    help="Try what tells the work from a program's own output.",
    no_args_is_help=True,
)


@app.callback()
def _adapter() -> None:
    """Try what tells the work from a program's own output."""


@app.command("check")
def check(
    adapter: Annotated[str, typer.Argument(help="Adapter: a TOML file, or a name.")],
    output: Annotated[Path, typer.Argument(help="File with a saved output of the program.")],
    command: Annotated[
        list[str] | None,
        typer.Argument(help="After --: the command, for the input files that it names."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Try an adapter on a saved output. Nothing is run or measured.

    Exit code 1 if a required pattern does not match, or a check fails.
    """
    from energybench.adapters.excerpt import of_file
    from energybench.adapters.look_up import find
    from energybench.adapters.outcome import outcome
    from energybench.adapters.problem import Inputs, of_command

    loaded = find(adapter)
    excerpt = of_file(output)
    if excerpt.problem:
        raise BadInput(str(output), excerpt.problem, "a file with the output of a run")
    inputs = Inputs()
    if command:
        inputs = of_command(loaded.adapter, command, Path(), None)
    told = outcome(loaded, excerpt, inputs)
    if json:
        common.print_json(_document(loaded, told))
    else:
        common.show(_rows(loaded, told, with_inputs=bool(command)))
    if not all(check.passed for check in told.checks):
        raise typer.Exit(1)


def _document(loaded: LoadedAdapter, told: Outcome) -> dict[str, Any]:
    from energybench.model import SCHEMA

    rule = loaded.adapter.figure_of_merit
    return {
        "schema": SCHEMA,
        "kind": "adapter-check",
        "adapter": loaded.adapter.name,
        "values": told.values,
        "work": told.work,
        "figure_of_merit": {"value": told.figure, "unit": rule.unit} if rule else None,
        "verification": told.checks,
        "doubts": told.doubts,
    }


def _rows(loaded: LoadedAdapter, told: Outcome, *, with_inputs: bool) -> list[str]:
    rows = [f"{loaded.adapter.name}: {loaded.adapter.about}"]
    rows += [f"  value {name}: {word}" for name, word in told.values.items()]
    if told.work is None:
        rows.append("  work: not known")
    else:
        rows.append(f"  work: {told.work.amount:g} {told.work.unit}")
        if told.work.flops is not None:
            rows.append(f"  flops: {told.work.flops:g}")
        note = "" if with_inputs else "   (without the input files: state the command after --)"
        rows.append(f"  problem: {told.work.fingerprint}{note}")
    if (rule := loaded.adapter.figure_of_merit) is not None:
        figure = "not stated" if told.figure is None else f"{told.figure:g} {rule.unit}"
        rows.append(f"  figure of merit: {figure}")
    for checked in told.checks:
        value = "not a number" if checked.value is None else f"{checked.value:.3g}"
        verdict = "passed" if checked.passed else "FAILED"
        rows.append(
            f"  check {checked.quantity}: {value} (tolerance {checked.tolerance:.3g}) {verdict}"
        )
    rows += [f"  doubt [{doubt.code}] {doubt.message} → {doubt.remedy}" for doubt in told.doubts]
    return rows
