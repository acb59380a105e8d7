"""A month of a fleet: how many candidate nodes do the work of the baseline nodes, and how much
energy, money and carbon both need. Formulas as in docs/projecting.md.

    N_candidate = ceil(N_baseline · u_b · η_b / (S · u_c · η_c))            S node for node;
        throughput: η = 1; time-to-solution: parallel efficiency
    E = PUE · h · N · [u · P_run + (1 − u) · P_idle + P_uncovered] / η_PSU

After rounding up to whole nodes, u of the candidate is the utilisation that the same work needs: a
surplus node idles, it does not run. The lines are written in the formula language, so that a person
can read the computation. Powers in W, energies in MWh, money in the scenario's currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from energybench.analysis.uncertainty.effects import exact
from energybench.model import BoundaryName, Doubt, Input
from energybench.projecting.fleet_inputs import OVERHEAD, SIDES, check, included
from energybench.projecting.formula import Step

HOURS = 730.0  # 365 d · 24 h / 12


class Fleet(NamedTuple):
    """The lines of the model, the inputs that the model takes for granted, the names of the lines
    that hold the three results, and the doubts about them.
    """

    steps: tuple[Step, ...]
    inputs: dict[str, Input]
    saved_mwh: str
    saved_cost: str | None
    saved_tco2e: str | None
    doubts: tuple[Doubt, ...]


def fleet(
    inputs: Mapping[str, Input], mode: str, boundary: BoundaryName, currency: str | None, where: str
) -> Fleet:
    """The lines of a fleet.

    inputs  by name; includes lines above that stand for an input (a mix of applications)
    Raises BadInput with file, key and remedy if an input is missing, has a different unit, lies out
    of range or may not be used.
    """
    check(inputs, mode, currency, where)
    counted = included(inputs, boundary)
    steps = [
        *_nodes(inputs, mode),
        *_energies(inputs, counted),
        *_money(inputs, currency),
        *_carbon(inputs),
    ]
    names = {step.name for step in steps}
    costs = [name for name in ("saved_instance_cost", "saved_energy_cost") if name in names]
    return Fleet(
        steps=tuple(steps),
        inputs={} if "hours_per_month" in inputs else {"hours_per_month": _hours()},
        saved_mwh="saved_energy_mwh",
        saved_cost=costs[0] if costs else None,
        saved_tco2e="saved_tco2e" if "saved_tco2e" in names else None,
        doubts=tuple(_doubts(inputs, boundary)),
    )


def _hours() -> Input:
    return Input(name="hours_per_month", value=exact(HOURS), unit="h", source="365 d x 24 h / 12")


# ---------------------------------------------------------------- doubts


def _doubts(inputs: Mapping[str, Input], boundary: BoundaryName) -> Iterable[Doubt]:
    if "accelerated_share" not in inputs:
        yield Doubt(
            code="whole-load-moves",
            message="the whole load of the baseline nodes is taken to move to the candidate",
            remedy=(
                "state [inputs.accelerated_share], the share of node-hours whose codes have moved"
            ),
        )
    yield from _left_out(inputs, boundary)
    for part in sorted(included(inputs, boundary)):
        yield Doubt(
            code="not-counted-twice",
            message=f"{part} inputs were left out: the boundary {boundary} includes them already",
            remedy="none needed",
        )
    for side in SIDES:
        idle, run = inputs.get(f"idle_power_{side}_w"), inputs[f"power_{side}_w"]
        if idle is not None and idle.value.value > run.value.value:
            yield Doubt(
                code="idle-above-run",
                message=(
                    f"the {side} draws more power when idle ({idle.value.value:.3g} W) than when "
                    f"it runs ({run.value.value:.3g} W)"
                ),
                remedy="take idle and run power of the same node, at the same boundary",
            )


def _left_out(inputs: Mapping[str, Input], boundary: BoundaryName) -> Iterable[Doubt]:
    """Doubt about power and losses outside the boundary that no input states."""
    stated = {part for part, names in OVERHEAD.items() if all(name in inputs for name in names)}
    outside = {
        "uncovered": "fans, boards and network cards",
        "psu_efficiency": "losses of the power supply",
    }
    missing = [words for part, words in outside.items() if part not in stated]
    if boundary in ("compute", "device") and missing:
        yield Doubt(
            code="components-only",
            message=(
                f"energies are those of the boundary {boundary}: {' and '.join(missing)} are not "
                "counted"
            ),
            remedy="state uncovered_*_w and psu_efficiency_* with ranges, or measure at node-ac",
        )
    elif boundary == "node-dc" and "psu_efficiency" not in stated:
        yield Doubt(
            code="components-only",
            message="energies are those behind the power supply: its losses are not counted",
            remedy="state psu_efficiency_* with ranges, or measure at node-ac",
        )


# ---------------------------------------------------------------- the lines


def _nodes(inputs: Mapping[str, Input], mode: str) -> Iterable[Step]:
    numerator, denominator = "", "speedup"
    if mode == "time-to-solution":
        numerator, denominator = " * efficiency_baseline", "(speedup * efficiency_candidate)"
    share = "accelerated_share * " if "accelerated_share" in inputs else ""
    yield Step(
        name="nodes_moved",
        formula=f"{share}nodes_baseline",
        unit="nodes",
        note="baseline nodes whose work moves; the rest stay and save nothing",
    )
    yield Step(
        name="nodes_busy",
        formula=f"nodes_moved * utilisation_baseline{numerator} / {denominator}",
        unit="nodes",
        note="candidate nodes that would be busy all month",
    )
    yield Step(
        name="nodes_candidate",
        formula="ceil(nodes_busy / utilisation_candidate)",
        unit="nodes",
        note="whole nodes of the candidate",
    )
    if "idle_power_candidate_w" in inputs:
        yield Step(
            name="load_candidate",
            formula="nodes_busy / nodes_candidate",
            note="utilisation of the candidate, rounded up to whole nodes",
        )


def _energy(
    inputs: Mapping[str, Input], counted: frozenset[str], nodes: str, side: str, load: str
) -> str:
    """Formula of a month's energy of nodes of one side, MWh. `counted`: parts of OVERHEAD that the
    measured power includes already.
    """
    power, idle = f"power_{side}_w", f"idle_power_{side}_w"
    if idle in inputs:
        power = f"{load} * {power} + (1 - {load}) * {idle}"
    uncovered, psu = f"uncovered_{side}_w", f"psu_efficiency_{side}"
    if uncovered in inputs and "uncovered" not in counted:
        power += f" + {uncovered}"
    pue = "pue * " if "pue" in inputs else ""
    loss = f" / {psu}" if psu in inputs and "psu_efficiency" not in counted else ""
    return f"{pue}hours_per_month * {nodes} * ({power}){loss} / 1e6"


def _energies(inputs: Mapping[str, Input], counted: frozenset[str]) -> Iterable[Step]:
    load = "load_candidate" if "idle_power_candidate_w" in inputs else "utilisation_candidate"
    yield Step(
        name="baseline_energy_mwh",
        formula=_energy(inputs, counted, "nodes_moved", "baseline", "utilisation_baseline"),
        unit="MWh",
    )
    yield Step(
        name="candidate_energy_mwh",
        formula=_energy(inputs, counted, "nodes_candidate", "candidate", load),
        unit="MWh",
    )
    yield Step(
        name="saved_energy_mwh",
        formula="baseline_energy_mwh - candidate_energy_mwh",
        unit="MWh",
        note="gross, a month",
    )
    before = "baseline_energy_mwh"
    if "accelerated_share" in inputs:
        before = "(baseline_energy_mwh + unmoved_energy_mwh)"
        yield Step(
            name="unmoved_energy_mwh",
            formula=_energy(
                inputs,
                counted,
                "(nodes_baseline - nodes_moved)",
                "baseline",
                "utilisation_baseline",
            ),
            unit="MWh",
            note="of the load that does not move: the same before and after",
        )
    yield Step(
        name="saved_share",
        formula=f"saved_energy_mwh / {before}",
        note="of the whole fleet's energy",
    )
    yield Step(
        name="ratio_node",
        formula="speedup * power_baseline_w / power_candidate_w",
        note="R = S · P_baseline / P_candidate: both running, node for node",
    )
    yield Step(
        name="ratio_fleet",
        formula="baseline_energy_mwh / candidate_energy_mwh",
        note="with idle time, whole nodes and the power outside the boundary",
    )


def _money(inputs: Mapping[str, Input], currency: str | None) -> Iterable[Step]:
    energy, instances = "energy_price_per_kwh" in inputs, "instance_price_baseline_per_h" in inputs
    if energy:
        yield Step(
            name="saved_energy_cost",
            formula="saved_energy_mwh * 1000 * energy_price_per_kwh",
            unit=currency or "",
            note="electricity alone",
        )
    if instances:
        yield Step(
            name="saved_instance_cost",
            formula=(
                "hours_per_month * (nodes_moved * instance_price_baseline_per_h - nodes_candidate "
                "* instance_price_candidate_per_h)"
            ),
            unit=currency or "",
            note="node-hours at their price, which includes the electricity",
        )
    if energy and instances:
        yield Step(
            name="energy_share_of_money",
            formula="saved_energy_cost / saved_instance_cost",
            note="how much of the money is electricity",
        )


def _carbon(inputs: Mapping[str, Input]) -> Iterable[Step]:
    if "carbon_g_per_kwh" in inputs:
        yield Step(
            name="saved_tco2e",
            formula="saved_energy_mwh * carbon_g_per_kwh / 1000",
            unit="t CO2e",
            note="location-based, operation only",
        )
