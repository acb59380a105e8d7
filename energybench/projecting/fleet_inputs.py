"""The standard inputs of the fleet model: units, ranges, and the inputs that belong together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from energybench.errors import BadInput
from energybench.model import BoundaryName, Input
from energybench.projecting import carbon

SIDES = ("baseline", "candidate")


class Standard(NamedTuple):
    """A standard input: unit and permitted values.

    unit      None: any unit
    money     the unit is the scenario's currency per `unit`
    measured  the interval of a measured value may reach beyond the permitted values
    """

    unit: str | None
    above: float  # exclusive
    most: float
    money: bool = False
    measured: bool = False
    required: bool = False

    def unit_in(self, currency: str | None) -> str | None:
        """The unit with the scenario's currency: 'USD/kWh'."""
        return f"{currency}/{self.unit}" if self.money else self.unit


_FROM_0 = -math.ulp(0)  # as an exclusive limit: 0 itself is permitted

STANDARD = {
    "nodes_baseline": Standard("nodes", 0, math.inf, required=True),
    "speedup": Standard("", 0, math.inf, measured=True, required=True),
    "power_baseline_w": Standard("W", 0, math.inf, measured=True, required=True),
    "power_candidate_w": Standard("W", 0, math.inf, measured=True, required=True),
    "utilisation_baseline": Standard("", 0, 1, required=True),
    "utilisation_candidate": Standard("", 0, 1, required=True),
    "idle_power_baseline_w": Standard("W", _FROM_0, math.inf, measured=True),
    "idle_power_candidate_w": Standard("W", _FROM_0, math.inf, measured=True),
    "efficiency_baseline": Standard("", 0, 1),
    "efficiency_candidate": Standard("", 0, 1),
    "accelerated_share": Standard("", 0, 1),
    "hours_per_month": Standard("h", 0, 744),
    "pue": Standard("", math.nextafter(1, 0), 10),
    "uncovered_baseline_w": Standard("W", _FROM_0, math.inf),
    "uncovered_candidate_w": Standard("W", _FROM_0, math.inf),
    "psu_efficiency_baseline": Standard("", 0, 1),
    "psu_efficiency_candidate": Standard("", 0, 1),
    "energy_price_per_kwh": Standard("kWh", _FROM_0, math.inf, money=True),
    "carbon_g_per_kwh": Standard("g/kWh", _FROM_0, math.inf),
    "carbon_market_g_per_kwh": Standard("g/kWh", _FROM_0, math.inf),
    "instance_price_baseline_per_h": Standard("h", 0, math.inf, money=True),
    "instance_price_candidate_per_h": Standard("h", 0, math.inf, money=True),
    "embodied_kgco2e_baseline": Standard("kg CO2e", _FROM_0, math.inf),
    "embodied_kgco2e_candidate": Standard("kg CO2e", _FROM_0, math.inf),
    "life_years_baseline": Standard("years", 0, math.inf),
    "life_years_candidate": Standard("years", 0, math.inf),
    "share_baseline": Standard("", 0, 1),
    "share_candidate": Standard("", 0, 1),
    "functional_units_per_month": Standard(None, 0, math.inf),
}

# what a boundary inside the node leaves out, with the inputs that state it, baseline first
OVERHEAD = {
    "uncovered": ("uncovered_baseline_w", "uncovered_candidate_w"),
    "psu_efficiency": ("psu_efficiency_baseline", "psu_efficiency_candidate"),
}
# the parts of OVERHEAD that a boundary includes already
_INCLUDED: dict[BoundaryName, tuple[str, ...]] = {
    "node-ac": ("uncovered", "psu_efficiency"),
    "node-dc": ("uncovered",),
}


def check(inputs: Mapping[str, Input], mode: str, currency: str | None, where: str) -> None:
    """Raises BadInput with file, key and remedy if an input of the fleet model is missing, has a
    different unit, lies out of range or may not be used.
    """
    for name, standard in STANDARD.items():
        key = f"{where}: inputs.{name}"
        if name in inputs:
            _check_unit(inputs[name], standard, currency, where)
            _check_value(inputs[name], standard, key)
        elif standard.required:
            raise BadInput(
                key,
                "is missing, and the fleet model needs it",
                f'state [inputs.{name}] with value, unit and source, or with measured = "…"',
            )
    _check_mode(inputs, mode, where)
    _check_idle(inputs, where)
    _check_prices(inputs, where)
    carbon.check(inputs, where)


def _check_unit(entry: Input, standard: Standard, currency: str | None, where: str) -> None:
    if standard.money and currency is None:
        raise BadInput(
            f"{where}: currency",
            f"is missing, and inputs.{entry.name} is a price",
            'currency = "USD"',
        )
    unit = standard.unit_in(currency)
    if unit is not None and entry.unit != unit:
        raise BadInput(
            f"{where}: inputs.{entry.name}.unit",
            f"is {entry.unit!r}",
            f"the fleet model computes with {unit!r}",
        )


def _check_value(entry: Input, standard: Standard, key: str) -> None:
    value, (low, high) = entry.value, entry.ends
    is_interval = standard.measured and entry.stated is None
    edges = (value.value,) if is_interval else (low, value.value, high)
    if not all(standard.above < edge <= standard.most for edge in edges):
        raise BadInput(
            key,
            f"{value.value:g} [{low:g}, {high:g}] lies out of range",
            _permitted(standard),
        )


def _permitted(standard: Standard) -> str:
    least = "above 0"
    if standard.above < 0:
        least = "0 or more"
    elif standard.above > 0.5:
        least = "1 or more"
    return least if math.isinf(standard.most) else f"{least}, at most {standard.most:g}"


def _check_mode(inputs: Mapping[str, Input], mode: str, where: str) -> None:
    for side in SIDES:
        name = f"efficiency_{side}"
        if mode == "time-to-solution" and name not in inputs:
            raise BadInput(
                f"{where}: inputs.{name}",
                "is missing: time-to-solution is one job over many nodes",
                'state its parallel efficiency; or mode = "throughput"',
            )
        if mode == "throughput" and name in inputs:
            raise BadInput(
                f"{where}: inputs.{name}",
                "has no meaning in throughput, where every node works on its own",
                'mode = "time-to-solution"',
            )


def _check_idle(inputs: Mapping[str, Input], where: str) -> None:
    """Nodes that are not always busy need an idle power."""
    for side in SIDES:
        entry, idle = inputs[f"utilisation_{side}"], f"idle_power_{side}_w"
        load, low = entry.value.value, entry.ends[0]
        if low < 1 and idle not in inputs:
            # of a range that reaches below full load, the low end is the reason
            stated = f"{load:g}" if load < 1 else f"{load:g} with low = {low:g}, below full load"
            raise BadInput(
                f"{where}: inputs.{idle}",
                f"is missing while utilisation_{side} is {stated}: the power of an idle node "
                "counts too",
                "measure it (--idle 60), or state it with low and high",
            )


def _check_prices(inputs: Mapping[str, Input], where: str) -> None:
    prices = [f"instance_price_{side}_per_h" for side in SIDES]
    missing = [price for price in prices if price not in inputs]
    if len(missing) == 1:
        raise BadInput(
            f"{where}: inputs.{missing[0]}",
            "is missing while the price of the other side is stated",
            "state both prices, or neither",
        )


def check_overhead(inputs: Mapping[str, Input], boundary: BoundaryName, where: str) -> None:
    """Component joules are never multiplied by a PUE without stated ranges for the power and the
    losses outside the components. Raises BadInput.
    """
    pue = inputs.get("pue")
    if boundary not in ("compute", "device") or pue is None or pue.value.high == 1:
        return
    for name in (name for names in OVERHEAD.values() for name in names):
        value = inputs[name].value if name in inputs else None
        if value is not None and value.low < value.high:
            continue
        lacking = "is missing" if value is None else "has no range (low < high)"
        raise BadInput(
            f"{where}: inputs.{name}",
            f"{lacking}: joules of the boundary {boundary} leave it out, so they may not be "
            f"multiplied by a PUE of {pue.value.value:g}",
            "state value, low and high with their source, measure at node-ac, or leave pue out",
        )


def included(inputs: Mapping[str, Input], boundary: BoundaryName) -> frozenset[str]:
    """Stated parts of OVERHEAD that the boundary includes already: adding them would count them
    twice.
    """
    return frozenset(
        part
        for part in _INCLUDED.get(boundary, ())
        if any(name in inputs for name in OVERHEAD[part])
    )
