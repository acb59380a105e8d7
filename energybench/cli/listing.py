"""`energybench list workloads|collectors|reports|scenarios`"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from energybench.cli import common, options
from energybench.errors import BadInput

_WHAT = ("workloads", "collectors", "reports", "scenarios")


def listing(
    what: Annotated[str, typer.Argument(help="workloads, collectors, reports or scenarios.")],
    json: options.Json = False,
) -> None:
    """List installed workloads, collectors, reports or scenarios.

    Plugins are listed too.
    """
    if what not in _WHAT:
        raise BadInput(f"list {what}", "cannot be listed", "one of " + ", ".join(_WHAT))
    rows = _scenarios() if what == "scenarios" else _plugins(what)
    if json:
        from energybench.model import SCHEMA

        common.print_json({"schema": SCHEMA, "kind": "list", "of": what, "entries": rows})
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        state = "" if row.get("works", True) else "   does not load: " + row["error"]
        print(f"{row['name']:<{width}}  {row['about']}{state}")
    if not rows:
        print("none", file=sys.stderr)


def _plugins(door: Any) -> list[dict[str, Any]]:
    from energybench.plugins import load, registered

    rows: list[dict[str, Any]] = []
    for name, point in registered(door).items():
        row: dict[str, Any] = {
            "name": name,
            "from": point.dist.name if point.dist else None,
            "entry": point.value,
        }
        try:
            made = load(door, name)
        except BadInput as error:
            rows.append({**row, "works": False, "error": str(error), "about": ""})
            continue
        about = _about(made)
        extra = (
            {"sizes": list(made.sizes)}
            if door == "workloads"
            else {"suffix": made.suffix}
            if door == "reports"
            else {}
        )
        if "sizes" in extra:
            about += f"   sizes {', '.join(extra['sizes'])}"
        rows.append({**row, "works": True, "about": about, **extra})
    return rows


def _about(made: Any) -> str:
    """A plugin's own line for the person who chooses it; one without has its docstring's first."""
    said = getattr(made, "about", None)
    return " ".join(
        (said if isinstance(said, str) else type(made).__doc__ or "")
        .strip()
        .partition("\n")[0]
        .split()
    )


def _scenarios() -> list[dict[str, Any]]:
    from energybench.projecting.scenario_files import names, read

    rows = []
    for name in names():
        scenario = read(name)
        rows.append({"name": name, "works": True, "about": scenario.title})
    return rows
