"""Finding an adapter: a file, a name in ./adapters, or an adapter of an installed workload."""

from __future__ import annotations

from pathlib import Path

from energybench.adapters.adapter_file import LoadedAdapter, read
from energybench.errors import BadInput
from energybench.plugins import HasAdapter
from energybench.registry import load, registered

OWN_FOLDER = Path("adapters")


def find(name: str, folder: Path = Path()) -> LoadedAdapter:
    """The adapter of a name or a file, for a program that starts in the folder. Raises BadInput."""
    if name.endswith(".toml") or "/" in name:
        return read(folder / name)
    own = folder / OWN_FOLDER / f"{name}.toml"
    if own.is_file():
        return read(own)
    if (file := _installed_file(name)) is not None:
        return read(file)
    have = ", ".join(sorted({*installed_files(), *own_files(folder)})) or "none"
    raise BadInput(f"adapter {name!r}", "no such adapter", f"have: {have}; or a .toml file")


def own_files(folder: Path = Path()) -> dict[str, Path]:
    """Files in ./adapters by their names."""
    return {path.stem: path for path in sorted((folder / OWN_FOLDER).glob("*.toml"))}


def installed_files() -> dict[str, Path]:
    """Adapters that came with installed workloads."""
    files = {name: _installed_file(name) for name in registered("workloads")}
    return {name: file for name, file in files.items() if file is not None}


def _installed_file(name: str) -> Path | None:
    """The adapter of the workload with this name; None without a loadable adapter."""
    try:
        plugin = load("workloads", name)
    except BadInput:
        return None
    return Path(plugin.adapter_file) if isinstance(plugin, HasAdapter) else None
