"""Dated facts that ship with energybench, each row with its source."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any, NamedTuple

from energybench.plugins import Prior

SENSORS = ("nvml", "rapl", "pm_counters", "estimate", "replay")


class Range(NamedTuple):
    """Stated bounds of a part without a sensor, with their source."""

    low: float
    high: float
    source: str


def _priors() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(files(__package__).joinpath("priors.toml").read_text("utf-8"))


def priors() -> dict[str, Prior]:
    """Gain priors by 'family.row' ("nvml.gain", "rapl.package")."""
    table = _priors()
    return {
        f"{family}.{name}": Prior(row["u_rel"], row["distribution"], row["source"])
        for family in SENSORS
        for name, row in table[family].items()
    }


def part_ranges() -> dict[str, Range]:
    """Stated ranges of unmeasured parts by name."""
    return {
        name: Range(row["low"], row["high"], row["source"])
        for name, row in _priors()["parts"].items()
    }
