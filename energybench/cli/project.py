"""`energybench project --scenario NAME|FILE [COMPARISON…]`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from energybench.cli import common, options
from energybench.errors import BadInput
from energybench.units import number, show

_STDIN = "-"
_EFFECTS = 3  # largest effects that are named


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

    found = read(scenario)
    result = project_comparisons(
        found, [_comparison(name) for name in _once(comparisons or [])], scenario
    )
    if json:
        common.print_json(result)
    else:
        print(text(result, found.about))


def _once(names: list[str]) -> list[str]:
    if names.count(_STDIN) > 1:
        raise BadInput(_STDIN, "stands twice", "stdin holds one comparison")
    return names


def _comparison(name: str) -> Any:
    """A comparison from a file or stdin. Raises BadInput."""
    from energybench.model import Comparison
    from energybench.store import reader, strict

    if name == _STDIN:
        try:
            given = sys.stdin.read()
        except (UnicodeDecodeError, ValueError):
            raise BadInput(
                "stdin",
                "is no UTF-8 text",
                "energybench compare A B --json | energybench project … -",
            ) from None
        value = strict.loads(given, "stdin")
        _refuse(value.get("kind") if isinstance(value, dict) else None, "stdin")
        return strict.convert(value, Comparison, "stdin")
    if Path(name).is_dir():
        raise BadInput(
            name, "is a folder, not a comparison", "energybench compare A B --json > FILE"
        )
    found = reader.result(Path(name))
    _refuse(found.kind, name)
    return found


def _refuse(kind: object, where: str) -> None:
    if kind is not None and kind != "comparison":
        raise BadInput(
            where, f"is a {kind}, not a comparison", "energybench compare A B --json > FILE"
        )


# ---------------------------------------------------------------- text


def text(result: Any, about: str = "") -> str:
    """The answer first, then the claims, the lines, their inputs, and what weakens them."""
    from energybench.cli import summary

    made = [result.title, *([f"  {about}"] if about else []), *_answer(result)]
    if result.claims:
        made += ["claims", *(row for claim in result.claims for row in _claim(claim))]
    if result.lines:
        made += ["lines", *_lines(result.lines), "inputs", *_inputs(result.lines)]
    return "\n".join(made + (["doubts", *summary.doubts(result.doubts)] if result.doubts else []))


def _answer(result: Any) -> list[str]:

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
            "  its largest effects, as standard uncertainty: "
            + ", ".join(f"{effect.name} {abs(effect.u):.2g} MWh" for effect in largest)
        )
    return rows


def _claim(claim: Any) -> list[str]:

    places = 0 if float(claim.claimed).is_integer() else len(repr(claim.claimed).partition(".")[2])
    word = {True: "fits", False: "does not fit", None: "not derivable"}[claim.fits]
    derived = f", derived {show(claim.derived, claim.unit)}" if claim.derived is not None else ""
    return [
        f"  {claim.name}: claimed {number(claim.claimed, places)} {claim.unit}".rstrip()
        + f"{derived}: {word}",
        f"      {claim.why}",
    ]


def _lines(lines: Any) -> list[str]:
    width = max(len(line.name) for line in lines)
    rows = []
    for line in lines:
        rows.append(f"  {line.name:<{width}}  {show(line.value, line.unit)}")
        rows.append(f"      = {line.formula}" + (f"   ({line.note})" if line.note else ""))
    return rows


def _inputs(lines: Any) -> list[str]:
    """Each base input once."""
    from energybench.projecting.project import ABOVE

    found = {used.name: used for line in lines for used in line.inputs if used.source != ABOVE}
    width = max((len(name) for name in found), default=0)
    return [
        f"  {name:<{width}}  {show(used.value, used.unit)}   {used.source}"
        for name, used in found.items()
    ]
