"""[unknowns.NAME] of a scenario file: a quantity that a publication leaves open, with the range of
values that are plausible.
"""

from __future__ import annotations

from typing import Any, Literal

from energybench.errors import BadInput
from energybench.model import Noun
from energybench.projecting.scenario import ScenarioUnknown
from energybench.projecting.scenario_inputs import check_name, check_quantity, unit_of
from energybench.toml_tables import convert


class _Entry(Noun, frozen=True, kw_only=True):
    """The table as written."""

    label: str
    low: float
    high: float
    source: str
    unit: str | None = None
    likely: float | None = None
    evidence: Literal["seen", "inferred", "assumed"] | None = None
    measured: str | None = None
    share_of: str = ""
    same_for_all: bool = False


def scenario_unknown(name: str, table: Any, where: str) -> ScenarioUnknown:
    """An unknown. Raises BadInput with file, key and remedy."""
    check_name(name, where)
    if isinstance(table, dict) and "value" in table:
        raise BadInput(
            f"{where}.value",
            "belongs to an input; an unknown has none",
            f"[inputs.{name}], or likely: the value to stay near",
        )
    entry = convert(table, _Entry, where)
    for key in ("label", "source"):
        if not getattr(entry, key).strip():
            raise BadInput(f"{where}.{key}", "is empty", "words for a reader")
    if entry.low >= entry.high:
        raise BadInput(
            where,
            f"has an empty range: low {entry.low:g} does not lie below high {entry.high:g}",
            "low < high; a known quantity is an input",
        )
    if entry.likely is not None and not entry.low <= entry.likely <= entry.high:
        raise BadInput(
            f"{where}.likely",
            f"{entry.likely:g} lies outside the range {entry.low:g} to {entry.high:g}",
            "low ≤ likely ≤ high",
        )
    check_quantity(entry.measured, where)
    return ScenarioUnknown(
        name=name,
        label=entry.label,
        unit=unit_of(entry.measured, entry.unit, where),
        low=entry.low,
        high=entry.high,
        likely=entry.likely,
        source=entry.source,
        evidence=entry.evidence or "unstated",
        measured=entry.measured,
        share_of=entry.share_of,
        same_for_all=entry.same_for_all,
    )
