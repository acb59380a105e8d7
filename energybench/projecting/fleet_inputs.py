"""The standard inputs of the fleet model: units, ranges, and the inputs that belong together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from energybench.errors import BadInput
from energybench.model import BoundaryName, Input
from energybench.projecting import carbon
from energybench.projecting.scenario import ScenarioInput
from energybench.units import SHARE

SIDES = ("baseline", "candidate")


class Standard(NamedTuple):
    """A standard input: words for a reader, unit and permitted values.

    unit      None: any unit. A scenario may state a share without a unit
    money     the unit is the scenario's currency per `unit`
    measured  the interval of a measured value may reach beyond the permitted values
    sought    whether its break-even is an answer even if there is none
    """

    label: str
    unit: str | None
    above: float  # exclusive
    most: float
    money: bool = False
    measured: bool = False
    required: bool = False
    sought: bool = False

    def unit_in(self, currency: str | None) -> str | None:
        """The unit with the scenario's currency: 'USD/kWh'."""
        return f"{currency}/{self.unit}" if self.money else self.unit


def _of_sides(name: str, label: str, *args: Any, **more: Any) -> dict[str, Standard]:
    """The standard input of each side; {} in name and label stands for the side."""
    return {name.format(side): Standard(label.format(side), *args, **more) for side in SIDES}


_FROM_0 = -math.ulp(0)  # as an exclusive limit: 0 itself is permitted

STANDARD = {
    "nodes_baseline": Standard("baseline nodes", "nodes", 0, math.inf, required=True, sought=True),
    "speedup": Standard(
        "speedup, node for node", "", 0, math.inf, measured=True, required=True, sought=True
    ),
    **_of_sides("power_{}_w", "power of a {} node", "W", 0, math.inf, measured=True, required=True),
    **_of_sides(
        "utilisation_{}", "utilisation of the {} nodes", SHARE, 0, 1, required=True, sought=True
    ),
    **_of_sides(
        "idle_power_{}_w", "idle power of a {} node", "W", _FROM_0, math.inf, measured=True
    ),
    **_of_sides("efficiency_{}", "parallel efficiency of the {} nodes", SHARE, 0, 1),
    "accelerated_share": Standard("share of the load that moves", SHARE, 0, 1),
    "hours_per_month": Standard("hours of a month", "h", 0, 744),
    "pue": Standard("PUE", "", math.nextafter(1, 0), 10),
    **_of_sides(
        "uncovered_{}_w", "power of a {} node outside the boundary", "W", _FROM_0, math.inf
    ),
    **_of_sides("psu_efficiency_{}", "efficiency of the {} node's power supply", SHARE, 0, 1),
    "energy_price_per_kwh": Standard(
        "price of electricity", "kWh", _FROM_0, math.inf, money=True, sought=True
    ),
    "carbon_g_per_kwh": Standard("carbon intensity", "g/kWh", _FROM_0, math.inf),
    "carbon_market_g_per_kwh": Standard(
        "carbon intensity, market-based", "g/kWh", _FROM_0, math.inf
    ),
    **_of_sides(
        "instance_price_{}_per_h",
        "price of a {} node-hour",
        "h",
        0,
        math.inf,
        money=True,
        sought=True,
    ),
    **_of_sides("embodied_kgco2e_{}", "embodied carbon of a {} node", "kg CO2e", _FROM_0, math.inf),
    **_of_sides("life_years_{}", "life of a {} node", "years", 0, math.inf),
    **_of_sides("share_{}", "share of a {} node that is reserved", SHARE, 0, 1),
    "functional_units_per_month": Standard("units of work a month", None, 0, math.inf),
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


def described(entry: ScenarioInput) -> ScenarioInput:
    """An input of a scenario of the fleet model, with the words and the unit of its standard: a
    share is stated without a unit.
    """
    standard = STANDARD.get(entry.name)
    if standard is None:
        return entry
    label = entry.label or ("" if entry.measured else standard.label)
    unit = SHARE if standard.unit == SHARE and not entry.unit else entry.unit
    return msgspec.structs.replace(entry, label=label, unit=unit)


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
    stated = SHARE if unit == SHARE and not entry.unit else entry.unit
    if unit is not None and stated != unit:
        raise BadInput(
            f"{where}: inputs.{entry.name}.unit",
            f"is {entry.unit!r}",
            f"the fleet model computes with {'' if unit == SHARE else unit!r}",
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
