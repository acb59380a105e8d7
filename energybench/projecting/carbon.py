"""Carbon of a month of a fleet: of its operation, by location and by contract (GHG Protocol Scope 2
Guidance: both are reported), and the SCI score of both sides.

    SCI = (E · I + M) per R          M = TE · TS · RS       (SCI 1.1, ISO/IEC 21031)

E: energy of a month; I: carbon intensity of the place, for SCI takes no market measures; TE:
embodied carbon of the nodes; TS: the month over the life of a node; RS: share of a node that is
reserved; R: functional units that the load makes in a month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from energybench.errors import BadInput
from energybench.formula import Step
from energybench.model import SCI_LINES, CarbonBasis, Doubt, Input

GROUP, SCI_GROUP = "carbon a month", "SCI score (ISO/IEC 21031)"
# lines that hold the answer, the preferred first, with the input of each
SAVED = {"saved_tco2e": "carbon_g_per_kwh", "saved_tco2e_market": "carbon_market_g_per_kwh"}
_NODES = {"baseline": "nodes_moved", "candidate": "nodes_candidate"}
_BASES: Mapping[CarbonBasis, tuple[str, str]] = {
    "location": ("location-based", "mean of the grid where the energy is used"),
    "market": ("market-based", "contracts and certificates"),
    "own": ("own figure", "an intensity that is neither location-based nor market-based"),
}
_HOURS_PER_YEAR = 8760


def steps(inputs: Mapping[str, Input]) -> Iterable[Step]:
    for line, name in SAVED.items():
        if name in inputs:
            yield _operation(line, name, basis_of(inputs[name]))
    for side, nodes in _NODES.items():
        if _has_embodied(inputs, side):
            yield _embodied(inputs, side, nodes)
    if not _missing(inputs):
        yield from map(_score, SCI_LINES, _NODES, [inputs] * len(_NODES))


def check(inputs: Mapping[str, Input], where: str) -> None:
    """Raises BadInput if inputs of carbon do not go together."""
    market, first = inputs.get("carbon_market_g_per_kwh"), inputs.get("carbon_g_per_kwh")
    if market is not None and market.basis not in ("market", None):
        raise BadInput(
            f"{where}: inputs.carbon_market_g_per_kwh.basis",
            f"is {market.basis!r}",
            'basis = "market"; other intensities stand in carbon_g_per_kwh',
        )
    if market is not None and first is not None and first.basis == "market":
        raise BadInput(
            f"{where}: inputs.carbon_g_per_kwh.basis",
            "is 'market', and carbon_market_g_per_kwh is given too",
            "one market-based intensity; carbon_g_per_kwh is then that of the location",
        )
    units = inputs.get("functional_units_per_month")
    if units is not None and not units.unit.strip():
        raise BadInput(
            f"{where}: inputs.functional_units_per_month.unit",
            "is empty",
            'the functional unit, such as "solve" or "1000 tokens"',
        )


def basis_of(entry: Input) -> CarbonBasis:
    """The basis of an intensity; that of an input without one (a line of a mix) is "own"."""
    return entry.basis or "own"


def words(entry: Input) -> str:
    """'location-based', 'market-based' or 'own figure'."""
    return _BASES[basis_of(entry)][0]


def doubts(inputs: Mapping[str, Input]) -> Iterable[Doubt]:
    """Doubt about a carbon figure that is that of the operation alone."""
    missing = _missing(inputs)
    if missing and any(name in inputs for name in (*SAVED.values(), *_embodied_names())):
        yield Doubt(
            code="no-sci-score",
            message=(
                "carbon is that of the operation, and no SCI score (ISO/IEC 21031, SCI 1.1) is "
                f"given: it needs {', '.join(missing)}"
            ),
            remedy=(
                "state embodied_kgco2e_* and life_years_* of both sides, "
                "functional_units_per_month, and carbon_g_per_kwh of the location"
            ),
        )


def _operation(line: str, name: str, basis: CarbonBasis) -> Step:
    words, meaning = _BASES[basis]
    return Step(
        name=line,
        label=f"carbon saved a month, {words}",
        group=GROUP,
        formula=f"saved_energy_mwh * {name} / 1000",
        unit="t CO2e",
        note=f"{words} ({meaning}), operation only",
    )


# ---------------------------------------------------------------- SCI


def _embodied_names() -> list[str]:
    return [f"embodied_kgco2e_{side}" for side in _NODES]


def _has_embodied(inputs: Mapping[str, Input], side: str) -> bool:
    return f"embodied_kgco2e_{side}" in inputs and f"life_years_{side}" in inputs


def _missing(inputs: Mapping[str, Input]) -> list[str]:
    """Words for the quantities that an SCI score needs and that are not stated."""
    missing = []
    for side in _NODES:
        if f"embodied_kgco2e_{side}" not in inputs:
            missing.append(f"the embodied carbon of a {side} node")
        if f"life_years_{side}" not in inputs:
            missing.append(f"the life of a {side} node")
    if "functional_units_per_month" not in inputs:
        missing.append("the functional units of a month")
    intensity = inputs.get("carbon_g_per_kwh")
    if intensity is None or basis_of(intensity) != "location":
        missing.append("a location-based carbon intensity (SCI takes no market measures)")
    return missing


def _embodied(inputs: Mapping[str, Input], side: str, nodes: str) -> Step:
    share = f" * share_{side}" if f"share_{side}" in inputs else ""
    return Step(
        name=f"embodied_{side}_kgco2e",
        label=f"embodied carbon of the {side} nodes, a month's share",
        group=GROUP,
        formula=(
            f"{nodes} * embodied_kgco2e_{side} * hours_per_month / "
            f"(life_years_{side} * {_HOURS_PER_YEAR}){share}"
        ),
        unit="kg CO2e",
        note="M = TE · TS · RS: embodied carbon, share of the life, share of the node",
    )


def _score(name: str, side: str, inputs: Mapping[str, Input]) -> Step:
    unit = inputs["functional_units_per_month"].unit
    return Step(
        name=name,
        label=f"SCI score of the {side} nodes",
        group=SCI_GROUP,
        formula=(
            f"({side}_energy_mwh * 1000 * carbon_g_per_kwh + embodied_{side}_kgco2e * 1000) / "
            "functional_units_per_month"
        ),
        unit=f"g CO2e/{unit}",
        note="(E · I + M) per R; location-based, idle nodes and PUE as stated",
    )
