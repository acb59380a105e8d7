"""A month of a fleet: how many candidate nodes do the baseline's work, and what both draw. Formulas
as in docs/projecting.md.

    N_candidate = ceil(N_baseline · u_b · η_b / (S · u_c · η_c))            S node for node;
        throughput: η = 1; time-to-solution: parallel efficiency
    E = PUE · h · N · [u · P_run + (1 − u) · P_idle + P_uncovered] / η_PSU

After rounding up to whole nodes the candidate's u is what the same work needs of them: a node more
idles, it does not run. The lines are written in the formula language, so that a person reads what
is computed. Powers in W, energies in MWh, money in the scenario's currency.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from energybench.analysis.uncertainty.effects import exact
from energybench.errors import BadInput
from energybench.model import BoundaryName, Doubt, Input
from energybench.projecting.formula import Step

HOURS = 730.0  # 365 d · 24 h / 12
SIDES = ("baseline", "candidate")


class Standard(NamedTuple):
    """A standard input: its unit and where its value must lie ('money' stands for the currency).

    `measured`: its interval may reach beyond.
    """

    unit: str
    above: float  # exclusive
    most: float
    measured: bool = False
    required: bool = False


STANDARD = {
    "nodes_baseline": Standard("nodes", 0, math.inf, required=True),
    "speedup": Standard("", 0, math.inf, measured=True, required=True),
    "power_baseline_w": Standard("W", 0, math.inf, measured=True, required=True),
    "power_candidate_w": Standard("W", 0, math.inf, measured=True, required=True),
    "utilisation_baseline": Standard("", 0, 1, required=True),
    "utilisation_candidate": Standard("", 0, 1, required=True),
    "idle_power_baseline_w": Standard("W", -math.ulp(0), math.inf, measured=True),
    "idle_power_candidate_w": Standard("W", -math.ulp(0), math.inf, measured=True),
    "efficiency_baseline": Standard("", 0, 1),
    "efficiency_candidate": Standard("", 0, 1),
    "accelerated_share": Standard("", 0, 1),
    "hours_per_month": Standard("h", 0, 744),
    "pue": Standard("", math.nextafter(1, 0), 10),
    "uncovered_baseline_w": Standard("W", -math.ulp(0), math.inf),
    "uncovered_candidate_w": Standard("W", -math.ulp(0), math.inf),
    "psu_efficiency_baseline": Standard("", 0, 1),
    "psu_efficiency_candidate": Standard("", 0, 1),
    "energy_price_per_kwh": Standard("money/kWh", -math.ulp(0), math.inf),
    "carbon_g_per_kwh": Standard("g/kWh", -math.ulp(0), math.inf),
    "instance_price_baseline_per_h": Standard("money/h", 0, math.inf),
    "instance_price_candidate_per_h": Standard("money/h", 0, math.inf),
}


class Fleet(NamedTuple):
    """The lines of the model, inputs it took for granted, the names of its three results, and what
    weakens it.
    """

    steps: tuple[Step, ...]
    inputs: dict[str, Input]
    saved_mwh: str
    saved_cost: str | None
    saved_tco2e: str | None
    doubts: tuple[Doubt, ...]


def fleet(
    given: Mapping[str, Input], mode: str, boundary: BoundaryName, currency: str | None, where: str
) -> Fleet:
    """The lines of a fleet. `given`: inputs by name, and lines above that stand for one (a mix of
    applications).

    Raises BadInput that names file, key and remedy where an input is missing, has another unit,
    lies out of range or may not be used.
    """
    _check(given, mode, currency, where)
    inputs = (
        {}
        if "hours_per_month" in given
        else {"hours_per_month": _input("hours_per_month", HOURS, "h", "365 d x 24 h / 12")}
    )
    check_overhead(given, boundary, where)
    covered = _covered(given, boundary)
    steps = (
        _nodes(given, mode) + _energies(given, covered) + _money(given, currency) + _carbon(given)
    )
    names = {step.name for step in steps}
    return Fleet(
        steps=tuple(steps),
        inputs=inputs,
        saved_mwh="saved_energy_mwh",
        saved_cost=next(
            (name for name in ("saved_instance_cost", "saved_energy_cost") if name in names), None
        ),
        saved_tco2e="saved_tco2e" if "saved_tco2e" in names else None,
        doubts=_doubts(given, boundary),
    )


def _input(name: str, value: float, unit: str, source: str) -> Input:
    return Input(name=name, value=exact(value), unit=unit, source=source)


# ---------------------------------------------------------------- what may be given


def _check(given: Mapping[str, Input], mode: str, currency: str | None, where: str) -> None:
    for name, standard in STANDARD.items():
        key = f"{where}: inputs.{name}"
        if name not in given:
            if standard.required:
                raise BadInput(
                    key,
                    "is missing, and the fleet model needs it",
                    f"state [inputs.{name}] with value, unit and source, or what is measured",
                )
            continue
        unit = standard.unit.replace("money", currency or "money")
        if standard.unit.startswith("money") and currency is None:
            raise BadInput(
                f"{where}: currency",
                f"is missing, and inputs.{name} is a price",
                'currency = "USD"',
            )
        found = given[name].value
        if given[name].unit != unit:
            raise BadInput(
                f"{key}.unit", f"is {given[name].unit!r}", f"the fleet model computes with {unit!r}"
            )
        edges = (found.value,) if standard.measured else (found.low, found.value, found.high)
        if not all(standard.above < edge <= standard.most for edge in edges):
            raise BadInput(
                key,
                f"{found.value:g} [{found.low:g}, {found.high:g}] lies out of range",
                _range(standard),
            )
    _check_mode(given, mode, where)
    for side in SIDES:
        load, idle = given[f"utilisation_{side}"].value, f"idle_power_{side}_w"
        if load.low < 1 and idle not in given:
            remedy = "measure it (--idle 60), or state it with low and high"
            raise BadInput(
                f"{where}: inputs.{idle}",
                f"is missing while utilisation_{side} is {load.value:g}: what an idle node draws "
                "counts too",
                remedy,
            )
    prices = [f"instance_price_{side}_per_h" for side in SIDES]
    if (prices[0] in given) != (prices[1] in given):
        raise BadInput(
            f"{where}: inputs.{prices[prices[0] in given]}",
            "is missing while the other side's price is given",
            "state both, or neither",
        )


def _range(standard: Standard) -> str:
    least = (
        "1 or more" if standard.above > 0.5 else "0 or more" if standard.above < 0 else "above 0"
    )
    return least if math.isinf(standard.most) else f"{least}, at most {standard.most:g}"


def _check_mode(given: Mapping[str, Input], mode: str, where: str) -> None:
    for side in SIDES:
        name = f"efficiency_{side}"
        if mode == "time-to-solution" and name not in given:
            raise BadInput(
                f"{where}: inputs.{name}",
                "is missing: time-to-solution is one job over many nodes",
                'its parallel efficiency; or mode "throughput"',
            )
        if mode == "throughput" and name in given:
            raise BadInput(
                f"{where}: inputs.{name}",
                "has no meaning in throughput, where every node works for itself",
                'mode = "time-to-solution"',
            )


def check_overhead(given: Mapping[str, Input], boundary: BoundaryName, where: str) -> None:
    """Component joules are never multiplied by a PUE without stated ranges for what they leave out."""
    if boundary not in ("compute", "device") or "pue" not in given or given["pue"].value.high == 1:
        return
    for name in (
        f"{part}_{side}{unit}"
        for part, unit in (("uncovered", "_w"), ("psu_efficiency", ""))
        for side in SIDES
    ):
        if name not in given or not given[name].value.low < given[name].value.high:
            what = "has no range (low < high)" if name in given else "is missing"
            why = (
                f"joules of the boundary {boundary} leave it out, so they may not be multiplied by "
                f"a PUE of {given['pue'].value.value:g}"
            )
            raise BadInput(
                f"{where}: inputs.{name}",
                f"{what}: {why}",
                "state value, low and high with their source, measure at node-ac, or leave pue out",
            )


def _covered(given: Mapping[str, Input], boundary: BoundaryName) -> frozenset[str]:
    """Parts that the boundary holds already: adding them would count them twice."""
    parts = {"node-ac": ("uncovered", "psu_efficiency"), "node-dc": ("uncovered",)}.get(
        boundary, ()
    )
    return frozenset(part for part in parts if any(name.startswith(part) for name in given))


def _doubts(given: Mapping[str, Input], boundary: BoundaryName) -> tuple[Doubt, ...]:
    found = []
    if "accelerated_share" not in given:
        message = "the whole load of the baseline nodes is taken to move to the candidate"
        found.append(
            Doubt(
                code="whole-load-moves",
                message=message,
                remedy="state [inputs.accelerated_share], the share of node-hours that has moved codes",
            )
        )
    outside = (
        ("fans, boards and network cards", "uncovered"),
        ("losses of the power supply", "psu_efficiency"),
    )
    left_out = [part for part, name in outside if not _has(given, name)]
    if boundary in ("compute", "device") and left_out:
        message = (
            f"energies are those of the boundary {boundary}: {' and '.join(left_out)} are not "
            "counted"
        )
        found.append(
            Doubt(
                code="components-only",
                message=message,
                remedy="state uncovered_*_w and psu_efficiency_* with ranges, or measure at node-ac",
            )
        )
    elif boundary == "node-dc" and not _has(given, "psu_efficiency"):
        message = "energies are those behind the power supply: its losses are not counted"
        found.append(
            Doubt(
                code="components-only",
                message=message,
                remedy="state psu_efficiency_* with ranges, or measure at node-ac",
            )
        )
    for part in sorted(_covered(given, boundary)):
        message = f"{part} inputs were left out: the boundary {boundary} holds them already"
        found.append(Doubt(code="not-counted-twice", message=message, remedy="none needed"))
    for side in SIDES:
        idle, run = given.get(f"idle_power_{side}_w"), given[f"power_{side}_w"]
        if idle is not None and idle.value.value > run.value.value:
            message = (
                f"the {side} draws more when idle ({idle.value.value:.3g} W) than when it runs "
                f"({run.value.value:.3g} W)"
            )
            found.append(
                Doubt(
                    code="idle-above-run",
                    message=message,
                    remedy="idle and run powers of the same node, at the same boundary",
                )
            )
    return tuple(found)


def _has(given: Mapping[str, Input], part: str) -> bool:
    return all(any(name.startswith(f"{part}_{side}") for name in given) for side in SIDES)


# ---------------------------------------------------------------- the lines


def _nodes(given: Mapping[str, Input], mode: str) -> list[Step]:
    above, below = (
        (" * efficiency_baseline", "(speedup * efficiency_candidate)")
        if mode == "time-to-solution"
        else ("", "speedup")
    )
    moved = (
        "accelerated_share * nodes_baseline" if "accelerated_share" in given else "nodes_baseline"
    )
    busy = f"nodes_moved * utilisation_baseline{above} / {below}"
    steps = [
        Step(
            name="nodes_moved",
            formula=moved,
            unit="nodes",
            note="baseline nodes whose work moves; the rest stay and save nothing",
        ),
        Step(
            name="nodes_busy",
            formula=busy,
            unit="nodes",
            note="candidate nodes that would be busy all month",
        ),
        Step(
            name="nodes_candidate",
            formula="ceil(nodes_busy / utilisation_candidate)",
            unit="nodes",
            note="whole nodes of the candidate",
        ),
    ]
    if "idle_power_candidate_w" in given:
        steps.append(
            Step(
                name="load_candidate",
                formula="nodes_busy / nodes_candidate",
                note="utilisation of the candidate, rounded up to whole nodes",
            )
        )
    return steps


def _energy(
    given: Mapping[str, Input], covered: frozenset[str], nodes: str, side: str, load: str
) -> str:
    """Formula of a month's energy of nodes of one side, MWh."""
    idle, uncovered, psu = f"idle_power_{side}_w", f"uncovered_{side}_w", f"psu_efficiency_{side}"
    power = (
        f"{load} * power_{side}_w + (1 - {load}) * {idle}" if idle in given else f"power_{side}_w"
    )
    if uncovered in given and "uncovered" not in covered:
        power += f" + {uncovered}"
    pue = "pue * " if "pue" in given else ""
    loss = f" / {psu}" if psu in given and "psu_efficiency" not in covered else ""
    return f"{pue}hours_per_month * {nodes} * ({power}){loss} / 1e6"


def _energies(given: Mapping[str, Input], covered: frozenset[str]) -> list[Step]:
    load = "load_candidate" if "idle_power_candidate_w" in given else "utilisation_candidate"
    steps = [
        Step(
            name="baseline_energy_mwh",
            formula=_energy(given, covered, "nodes_moved", "baseline", "utilisation_baseline"),
            unit="MWh",
        ),
        Step(
            name="candidate_energy_mwh",
            formula=_energy(given, covered, "nodes_candidate", "candidate", load),
            unit="MWh",
        ),
        Step(
            name="saved_energy_mwh",
            formula="baseline_energy_mwh - candidate_energy_mwh",
            unit="MWh",
            note="gross, a month",
        ),
    ]
    whole = "baseline_energy_mwh"
    if "accelerated_share" in given:
        unmoved = _energy(
            given, covered, "(nodes_baseline - nodes_moved)", "baseline", "utilisation_baseline"
        )
        steps.append(
            Step(
                name="unmoved_energy_mwh",
                formula=unmoved,
                unit="MWh",
                note="of the load that does not move: the same before and after",
            )
        )
        whole = "(baseline_energy_mwh + unmoved_energy_mwh)"
    return [
        *steps,
        Step(
            name="saved_share",
            formula=f"saved_energy_mwh / {whole}",
            note="of the whole fleet's energy",
        ),
        Step(
            name="ratio_node",
            formula="speedup * power_baseline_w / power_candidate_w",
            note="R = S · P_baseline / P_candidate: both running, node for node",
        ),
        Step(
            name="ratio_fleet",
            formula="baseline_energy_mwh / candidate_energy_mwh",
            note="with idle time, whole nodes and what lies outside the boundary",
        ),
    ]


def _money(given: Mapping[str, Input], currency: str | None) -> list[Step]:
    steps = []
    if "energy_price_per_kwh" in given:
        steps.append(
            Step(
                name="saved_energy_cost",
                formula="saved_energy_mwh * 1000 * energy_price_per_kwh",
                unit=currency or "",
                note="electricity alone",
            )
        )
    if "instance_price_baseline_per_h" in given:
        hired = (
            "hours_per_month * (nodes_moved * instance_price_baseline_per_h - nodes_candidate * "
            "instance_price_candidate_per_h)"
        )
        steps.append(
            Step(
                name="saved_instance_cost",
                formula=hired,
                unit=currency or "",
                note="node-hours at their price, which holds the electricity",
            )
        )
    if len(steps) == 2:
        steps.append(
            Step(
                name="energy_share_of_money",
                formula="saved_energy_cost / saved_instance_cost",
                note="how much of the money is electricity",
            )
        )
    return steps


def _carbon(given: Mapping[str, Input]) -> list[Step]:
    if "carbon_g_per_kwh" not in given:
        return []
    return [
        Step(
            name="saved_tco2e",
            formula="saved_energy_mwh * carbon_g_per_kwh / 1000",
            unit="t CO2e",
            note="location-based, operation only",
        )
    ]
