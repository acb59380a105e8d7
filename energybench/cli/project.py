"""`energybench project --scenario NAME|FILE [COMPARISON…]`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, options
from energybench.errors import BadInput
from energybench.foreign_text import visible
from energybench.units import number, show, show_stated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from energybench.model import Claim, Comparison, Input, Line, Projection

_STDIN = "-"
_EFFECTS = 3  # the number of largest effects to name
_REMEDY = "energybench compare A B --json > FILE"


def project(
    scenario: Annotated[
        str,
        typer.Option("--scenario", help="Name (see `energybench list scenarios`) or a .toml file."),
    ],
    comparisons: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMPARISON", help="Files printed by compare --json; - for stdin."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Project a comparison to MWh, money and carbon per month.

    Carries comparisons, or a published claim, through a scenario, line by line with formula and
    inputs.
    """
    from energybench.projecting.project import project as project_comparisons
    from energybench.projecting.scenario_files import read

    names = comparisons or []
    if names.count(_STDIN) > 1:
        raise BadInput(_STDIN, "stands twice", "stdin holds one comparison")
    loaded = read(scenario)
    result = project_comparisons(loaded, [_comparison(name) for name in names], scenario)
    if json:
        common.print_json(result)
    else:
        print(text(result, loaded.about))


# ---------------------------------------------------------------- reading comparisons


def _comparison(name: str) -> Comparison:
    """A comparison from a file or stdin. Raises BadInput."""
    from energybench.model import Comparison
    from energybench.store import reader

    if name == _STDIN:
        return _piped()
    if Path(name).is_dir():
        raise BadInput(name, "is a folder, not a comparison", _REMEDY)
    result = reader.result(Path(name))
    if not isinstance(result, Comparison):
        raise _not_a_comparison(result.kind, name)
    return result


def _piped() -> Comparison:
    from energybench.model import Comparison
    from energybench.store import strict

    try:
        document = sys.stdin.read()
    except (UnicodeDecodeError, ValueError):
        raise BadInput(
            "stdin",
            "is not UTF-8 text",
            "energybench compare A B --json | energybench project … -",
        ) from None
    value = strict.loads(document, "stdin")
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind not in (None, "comparison"):
        raise _not_a_comparison(kind, "stdin")
    return strict.convert(value, Comparison, "stdin")


def _not_a_comparison(kind: object, where: str) -> BadInput:
    return BadInput(where, f"is a {kind}, not a comparison", _REMEDY)


# ---------------------------------------------------------------- text


def text(result: Projection, about: str = "") -> str:
    """The answer first, then claims, lines, inputs and doubts."""
    from energybench.cli import summary

    rows = [result.title]
    if about:
        rows.append(f"  {about}")
    rows += _answer(result)
    if result.claims:
        rows += ["claims", *(row for claim in result.claims for row in _claim(claim))]
    if result.lines:
        rows += ["lines", *_lines(result.lines), "inputs", *_inputs(result.lines)]
    rows = [visible(row) for row in rows]
    if result.doubts:
        rows += ["doubts", *summary.doubts(result.doubts), *summary.explained(result.doubts)]
    return "\n".join(rows)


def _answer(result: Projection) -> list[str]:
    saved = [
        f"{name} {show(value, unit)}"
        for name, value, unit in (
            ("energy", result.saved_mwh_per_month, "MWh"),
            ("money", result.saved_cost_per_month, result.currency or ""),
            ("carbon", result.saved_tco2e_per_month, "t CO2e"),
        )
        if value is not None
    ]
    rows = ["saved a month: " + ("   ".join(saved) if saved else "not stated by this scenario")]
    energy = result.saved_mwh_per_month
    if energy is not None and energy.effects:
        largest = sorted(energy.effects, key=lambda effect: -abs(effect.u))[:_EFFECTS]
        rows.append(
            "  largest effects on the energy saved, as standard uncertainty: "
            + ", ".join(f"{effect.name} {abs(effect.u):.2g} MWh" for effect in largest)
        )
    return rows


def _claim(claim: Claim) -> list[str]:
    whole_number = float(claim.claimed).is_integer()
    places = 0 if whole_number else len(repr(claim.claimed).partition(".")[2])
    verdict = {True: "fits", False: "does not fit", None: "not derivable"}[claim.fits]
    derived = f", derived {show(claim.derived, claim.unit)}" if claim.derived is not None else ""
    claimed = f"{number(claim.claimed, places)} {claim.unit}".rstrip()
    return [f"  {claim.name}: claimed {claimed}{derived}: {verdict}", f"      {claim.why}"]


def _lines(lines: Sequence[Line]) -> list[str]:
    width = max(len(line.name) for line in lines)
    rows = []
    for line in lines:
        rows.append(f"  {line.name:<{width}}  {show(line.value, line.unit)}")
        rows.append(f"      = {line.formula}" + (f"   ({line.note})" if line.note else ""))
    return rows


def _inputs(lines: Sequence[Line]) -> list[str]:
    """A row for every base input; an input of several lines has a single row."""
    from energybench.projecting.line_chain import ABOVE

    inputs = {entry.name: entry for line in lines for entry in line.inputs if entry.source != ABOVE}
    width = max((len(name) for name in inputs), default=0)
    return [
        f"  {name:<{width}}  {_value(entry)}   {entry.source}" for name, entry in inputs.items()
    ]


def _value(entry: Input) -> str:
    """A range that a scenario states is printed as stated, a measured value with its interval."""
    if entry.stated is None:
        return show(entry.value, entry.unit)
    return show_stated(entry.value.value, *entry.stated, entry.unit)
