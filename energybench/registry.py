"""Plugins by their names, as the installed distributions register them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from energybench.errors import BadInput
from energybench.plugins import Door, SpansNodes

# required attributes of a plugin for each door
_REQUIRED: Mapping[Door, tuple[str, ...]] = {
    "collectors": ("name", "open", "read", "close"),
    "workloads": ("name", "sizes", "setup", "settings", "run", "verify"),
    "reports": ("name", "suffix", "render"),
}


def registered(door: Door) -> dict[str, EntryPoint]:
    """The entry points of a door by name, not loaded yet.

    If two distributions claim a name, the first distribution has the name.
    """
    points: dict[str, EntryPoint] = {}
    for point in entry_points(group=f"energybench.{door}"):
        points.setdefault(point.name, point)
    return dict(sorted(points.items()))


def load(door: Door, name: str, points: Mapping[str, EntryPoint] | None = None) -> Any:
    """A fresh instance of a plugin.

    points  the entry points of the door, if already looked up

    Raises BadInput if no plugin has the name, or if the plugin does not load.
    """
    points = registered(door) if points is None else points
    singular = door.removesuffix("s")
    if name not in points:
        raise BadInput(
            f"{singular} {name!r}", "no such " + singular, f"have: {', '.join(points) or 'none'}"
        )
    point = points[name]
    try:
        plugin = point.load()()
    except Exception as error:  # a plugin may fail in any way, and must not end the session
        origin = point.dist.name if point.dist else "unknown distribution"
        raise BadInput(
            f"{singular} {name!r} ({point.value} of {origin})",
            f"does not load: {type(error).__name__}: {error}",
            "mend or uninstall it",
        ) from error
    missing = [attribute for attribute in _REQUIRED[door] if not hasattr(plugin, attribute)]
    if missing:
        raise BadInput(
            f"{singular} {name!r} ({point.value})",
            f"lacks {', '.join(missing)}",
            f"see energybench.plugins.{singular.capitalize()}",
        )
    return plugin


def spans_nodes(workload: str) -> bool:
    """Whether a workload can spread a problem over several nodes. False if the workload does not
    load.
    """
    try:
        return isinstance(load("workloads", workload), SpansNodes)
    except BadInput:
        return False


def secret_settings(workload: str) -> frozenset[str]:
    """The keys of a workload's settings that no run stores, such as the seed of private noise.

    Empty for a workload without such keys, or a workload not installed here.
    """
    if workload not in registered("workloads"):
        return frozenset()
    try:
        plugin = load("workloads", workload)
    except BadInput:
        return frozenset()
    return frozenset(getattr(plugin, "secret_settings", ()))
