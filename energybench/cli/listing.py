"""`energybench list workloads|adapters|studies|collectors|reports|scenarios`"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from energybench.cli import common, options
from energybench.errors import BadInput

_KINDS = ("workloads", "adapters", "studies", "collectors", "reports", "scenarios")


def listing(
    kind: Annotated[
        str, typer.Argument(help="workloads, adapters, studies, collectors, reports or scenarios.")
    ],
    json: options.Json = False,
) -> None:
    """List workloads, adapters, studies, collectors and so on.

    Plugins of other packages are listed too. A study is named by its workload and its own name, as
    the command `study` takes them.
    """
    if kind not in _KINDS:
        raise BadInput(f"list {kind}", "cannot be listed", "one of " + ", ".join(_KINDS))
    if kind == "scenarios":
        rows = _scenarios()
    elif kind == "adapters":
        rows = _adapters()
    elif kind == "studies":
        rows = _studies()
    else:
        rows = _plugins(kind)
    if json:
        from energybench.model import SCHEMA

        common.print_json({"schema": SCHEMA, "kind": "list", "of": kind, "entries": rows})
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        state = "" if row.get("works", True) else "   does not load: " + row["error"]
        common.show([f"{row['name']:<{width}}  {row['about']}{state}"])
    if not rows:
        print("none", file=sys.stderr)


def _plugins(door: Any) -> list[dict[str, Any]]:
    from energybench.registry import load, registered

    rows: list[dict[str, Any]] = []
    for name, point in registered(door).items():
        row: dict[str, Any] = {
            "name": name,
            "from": point.dist.name if point.dist else None,
            "entry": point.value,
        }
        try:
            plugin = load(door, name)
        except BadInput as error:
            rows.append({**row, "works": False, "error": str(error), "about": ""})
            continue
        row |= {"works": True, "about": _about(plugin)}
        if door == "workloads":
            row["sizes"] = list(plugin.sizes)
            row["about"] += f"   sizes {', '.join(plugin.sizes)}"
        elif door == "reports":
            row["suffix"] = plugin.suffix
        rows.append(row)
    return rows


def _about(plugin: Any) -> str:
    """The plugin's line for the person who chooses; otherwise the first line of the docstring."""
    about = getattr(plugin, "about", None)
    if not isinstance(about, str):
        about = type(plugin).__doc__ or ""
    return " ".join(about.strip().partition("\n")[0].split())


def _studies() -> list[dict[str, Any]]:
    """The studies of all workloads that load, each with its question."""
    from energybench.plugins import OffersStudies
    from energybench.registry import load

    rows = []
    for entry in _plugins("workloads"):
        plugin = load("workloads", entry["name"]) if entry["works"] else None
        if isinstance(plugin, OffersStudies):
            rows += [
                {
                    "name": f"{entry['name']} {study}",
                    "workload": entry["name"],
                    "study": study,
                    "works": True,
                    "about": question,
                }
                for study, question in plugin.studies.items()
            ]
    return rows


def _adapters() -> list[dict[str, Any]]:
    """Adapters of installed workloads, and those in ./adapters, which come first."""
    from energybench.adapters.adapter_file import read
    from energybench.adapters.look_up import installed_files, own_files

    rows: list[dict[str, Any]] = []
    for name, path in sorted({**installed_files(), **own_files()}.items()):
        row: dict[str, Any] = {"name": name, "file": str(path)}
        try:
            about = read(path).adapter.about
        except BadInput as error:
            rows.append({**row, "works": False, "error": str(error), "about": ""})
            continue
        rows.append({**row, "works": True, "about": about})
    return rows


def _scenarios() -> list[dict[str, Any]]:
    from energybench.projecting.scenario_files import names, read

    rows = []
    for name in names():
        scenario = read(name)
        rows.append({"name": name, "works": True, "about": scenario.title})
    return rows
