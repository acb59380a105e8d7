"""Dated facts that ship with energybench, each row with its source."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import NamedTuple

from energybench.plugins import Prior

SENSORS = ("nvml", "rapl", "pm_counters", "estimate", "replay")


class Range(NamedTuple):
    """Stated bounds of a part without a sensor, with their source."""

    low: float
    high: float
    source: str


def _priors() -> dict[str, dict[str, dict[str, object]]]:
    return tomllib.loads(files(__package__).joinpath("priors.toml").read_text("utf-8"))


def priors() -> dict[str, Prior]:
    """Gain priors by 'family.row' ("nvml.gain", "rapl.package")."""
    table = _priors()
    return {f"{family}.{name}": Prior(**row) for family in SENSORS for name, row in table[family].items()}  # type: ignore[arg-type]


def part_ranges() -> dict[str, Range]:
    """Stated ranges of unmeasured parts by name."""
    return {name: Range(**row) for name, row in _priors()["parts"].items()}  # type: ignore[arg-type]
