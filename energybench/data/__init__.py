"""Dated facts that ship with energybench; every row states a source."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any, NamedTuple, get_args

from energybench.errors import BadInput
from energybench.model import Distribution
from energybench.plugins import Prior

PRIORS = "priors.toml"
PARTS = "parts"  # the table of ranges of parts without a sensor; every further table holds priors
_PRIOR = ("u_rel", "distribution", "source")
_RANGE = ("low", "high", "source")


class Range(NamedTuple):
    """Stated bounds of a part without a sensor, with their source."""

    low: float
    high: float
    source: str


def priors(text: str | None = None) -> dict[str, Prior]:
    """Priors of gains by 'family.row' ("nvml.gain", "rapl.package"): every table but [parts].

    text  contents of a priors file; None for the file of this package
    Raises BadInput for a row that is not complete.
    """
    rows = {}
    for family, table in _tables(text).items():
        if family == PARTS:
            continue
        for name, row in table.items():
            rows[f"{family}.{name}"] = _prior(f"{family}.{name}", row)
    return rows


def part_ranges(text: str | None = None) -> dict[str, Range]:
    """Stated ranges of unmeasured parts by name. Raises BadInput for a row that is not complete."""
    ranges = {}
    for name, row in _tables(text).get(PARTS, {}).items():
        values = _complete(f"{PARTS}.{name}", row, _RANGE)
        ranges[name] = Range(*values)
    return ranges


def stated_ranges() -> dict[str, tuple[float, float, str]]:
    """Low power, high power (W) and source of each part that may have no sensor."""
    return {name: (row.low, row.high, row.source) for name, row in part_ranges().items()}


def _tables(text: str | None) -> dict[str, dict[str, Any]]:
    if text is None:
        text = files(__package__).joinpath(PRIORS).read_text("utf-8")
    return tomllib.loads(text)


def _prior(name: str, row: Any) -> Prior:
    u_rel, distribution, source = _complete(name, row, _PRIOR)
    if not isinstance(u_rel, int | float) or u_rel < 0:
        raise BadInput(f"data/{PRIORS} [{name}]", f"u_rel is {u_rel!r}", "a number of 0 or more")
    if distribution not in get_args(Distribution):
        raise BadInput(
            f"data/{PRIORS} [{name}]",
            f"distribution is {distribution!r}",
            f"one of {', '.join(get_args(Distribution))}",
        )
    return Prior(float(u_rel), distribution, str(source))


def _complete(name: str, row: Any, keys: tuple[str, ...]) -> list[Any]:
    """Values of a row in the order of the keys. Raises BadInput if a key is missing."""
    missing = [key for key in keys if not isinstance(row, dict) or key not in row]
    if missing:
        raise BadInput(
            f"data/{PRIORS} [{name}]",
            f"lacks {', '.join(missing)}",
            f"a table [family.row] with {', '.join(keys)}",
        )
    return [row[key] for key in keys]
