"""`energybench project --scenario NAME|FILE [COMPARISON…]`"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from energybench.cli import common, options
from energybench.errors import BadInput

if TYPE_CHECKING:
    from energybench.model import Comparison

_STDIN = "-"
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
    sensitivity: Annotated[
        bool,
        typer.Option(
            "--sensitivity",
            help="Add the answer at both ends of each input, break-evens, and fleets of equal "
            "nodes, power, budget or performance.",
        ),
    ] = False,
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
    loaded = read(scenario, datetime.now(UTC).date())
    given = [_comparison(name) for name in names]
    result = project_comparisons(loaded, given, scenario, with_sensitivity=sensitivity)
    if json:
        common.print_json(result)
    else:
        from energybench.cli import projection_text

        print(projection_text.text(result))


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
    from energybench.store import contradictions, strict

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
    comparison = strict.convert(value, Comparison, "stdin")
    contradictions.refuse(comparison, "stdin")
    return comparison


def _not_a_comparison(kind: object, where: str) -> BadInput:
    return BadInput(where, f"is a {kind}, not a comparison", _REMEDY)
