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
from energybench.formula import Step
from energybench.model import BoundaryName, Doubt, Input
from energybench.projecting import carbon
from energybench.projecting.fleet_inputs import OVERHEAD, SIDES, check, included
from energybench.units import SHARE, short_figure

# groups of the lines
NODES, ENERGY, MONEY = "nodes", "energy a month", "money a month"
# words for the parts of OVERHEAD
_PARTS = {
    "uncovered": "fans, boards and network cards",
    "psu_efficiency": "losses of the power supply",
}
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
        *carbon.steps(inputs),
    ]
    names = {step.name for step in steps}
    costs = [name for name in ("saved_instance_cost", "saved_energy_cost") if name in names]
    return Fleet(
        steps=tuple(steps),
        inputs={} if "hours_per_month" in inputs else {"hours_per_month": _hours()},
        saved_mwh="saved_energy_mwh",
        saved_cost=costs[0] if costs else None,
        saved_tco2e=next((name for name in carbon.SAVED if name in names), None),
        doubts=tuple(_doubts(inputs, boundary)),
    )


def _hours() -> Input:
    return Input(
        name="hours_per_month",
        value=exact(HOURS),
        unit="h",
        source="365 d x 24 h / 12",
        label="hours of a month",
    )


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
    yield from _of_pue(inputs)
    yield from carbon.doubts(inputs)
    for part in sorted(included(inputs, boundary)):
        yield Doubt(
            code="not-counted-twice",
            message=f"{_PARTS[part]} are not added: the boundary {boundary} includes them already",
            remedy="none needed",
        )
    for side in SIDES:
        idle, run = inputs.get(f"idle_power_{side}_w"), inputs[f"power_{side}_w"]
        if idle is not None and idle.value.value > run.value.value:
            yield Doubt(
                code="idle-above-run",
                message=(
                    f"the {side} draws more power when idle ({short_figure(idle.value.value)} W) "
                    f"than when it runs ({short_figure(run.value.value)} W)"
                ),
                remedy="take idle and run power of the same node, at the same boundary",
            )


def _of_pue(inputs: Mapping[str, Input]) -> Iterable[Doubt]:
    """Doubt about a PUE that could be that of any place and year (ISO/IEC 30134-2)."""
    pue = inputs.get("pue")
    if pue is None or pue.ends == (1, 1):
        return
    stated = {"its category": pue.category, "the year": pue.date, "the site": pue.site}
    missing = [words for words, fact in stated.items() if not fact]
    if missing:
        yield Doubt(
            code="pue-not-described",
            message=f"a PUE belongs to a category, a year and a site; not stated: "
            f"{', '.join(missing)}",
            remedy='category = "basic", "intermediate" or "advanced", date = "2025" and site = "…" '
            "in [inputs.pue]",
        )


def _left_out(inputs: Mapping[str, Input], boundary: BoundaryName) -> Iterable[Doubt]:
    """Doubt about power and losses outside the boundary that no input states."""
    stated = {part for part, names in OVERHEAD.items() if all(name in inputs for name in names)}
    missing = [words for part, words in _PARTS.items() if part not in stated]
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
        label="baseline nodes whose work moves",
        group=NODES,
        formula=f"{share}nodes_baseline",
        unit="nodes",
        note="the rest stay and save nothing",
    )
    yield Step(
        name="nodes_busy",
        label="candidate nodes busy all month",
        group=NODES,
        formula=f"nodes_moved * utilisation_baseline{numerator} / {denominator}",
        unit="nodes",
        note="utilisation: node-hours allocated over node-hours available",
    )
    yield Step(
        name="nodes_candidate",
        label="candidate nodes",
        group=NODES,
        formula="ceil(nodes_busy / utilisation_candidate)",
        unit="nodes",
        note="whole nodes",
    )
    if "idle_power_candidate_w" in inputs:
        yield Step(
            name="load_candidate",
            label="utilisation of the candidate nodes, node-hours allocated",
            group=NODES,
            formula="nodes_busy / nodes_candidate",
            unit=SHARE,
            note="after rounding up to whole nodes",
        )


def energy(
    inputs: Mapping[str, Input], counted: frozenset[str], nodes: str, side: str, load: str
) -> str:
    """Formula of a month's energy of nodes of one side, MWh. `counted`: parts of OVERHEAD that the
    measured power includes already.
    """
    power, idle = f"power_{side}_w", f"idle_power_{side}_w"
    if idle in inputs:
        power = f"{load} * {power} + (1 - {load}) * {idle}"
    return f"hours_per_month * {nodes} * {node_power(inputs, counted, side, power)} / 1e6"


def node_power(inputs: Mapping[str, Input], counted: frozenset[str], side: str, power: str) -> str:
    """Formula of the power of a node at the facility, W: with PUE, the power outside the boundary
    and the losses of the power supply.

    power  formula of the power inside the boundary
    """
    uncovered, psu = f"uncovered_{side}_w", f"psu_efficiency_{side}"
    if uncovered in inputs and "uncovered" not in counted:
        power += f" + {uncovered}"
    pue = "pue * " if "pue" in inputs else ""
    loss = f" / {psu}" if psu in inputs and "psu_efficiency" not in counted else ""
    return f"{pue}({power}){loss}"


def _energies(inputs: Mapping[str, Input], counted: frozenset[str]) -> Iterable[Step]:
    load = "load_candidate" if "idle_power_candidate_w" in inputs else "utilisation_candidate"
    yield Step(
        name="baseline_energy_mwh",
        label="energy of the baseline nodes, a month",
        group=ENERGY,
        formula=energy(inputs, counted, "nodes_moved", "baseline", "utilisation_baseline"),
        unit="MWh",
    )
    yield Step(
        name="candidate_energy_mwh",
        label="energy of the candidate nodes, a month",
        group=ENERGY,
        formula=energy(inputs, counted, "nodes_candidate", "candidate", load),
        unit="MWh",
    )
    yield Step(
        name="saved_energy_mwh",
        label="energy saved a month",
        group=ENERGY,
        formula="baseline_energy_mwh - candidate_energy_mwh",
        unit="MWh",
        note="gross",
    )
    before = "baseline_energy_mwh"
    if "accelerated_share" in inputs:
        before = "(baseline_energy_mwh + unmoved_energy_mwh)"
        yield Step(
            name="unmoved_energy_mwh",
            label="energy of the load that does not move",
            group=ENERGY,
            formula=energy(
                inputs,
                counted,
                "(nodes_baseline - nodes_moved)",
                "baseline",
                "utilisation_baseline",
            ),
            unit="MWh",
            note="the same before and after",
        )
    yield Step(
        name="saved_share",
        label="share of the fleet's energy that is saved",
        group=ENERGY,
        formula=f"saved_energy_mwh / {before}",
        unit=SHARE,
        note="of the whole fleet's energy",
    )
    yield Step(
        name="ratio_node",
        label="energy ratio, node for node",
        group=ENERGY,
        formula="speedup * power_baseline_w / power_candidate_w",
        note="R = S · P_baseline / P_candidate: both running, node for node",
    )
    yield Step(
        name="ratio_fleet",
        label="energy ratio of the fleets",
        group=ENERGY,
        formula="baseline_energy_mwh / candidate_energy_mwh",
        note="with idle time, whole nodes and the power outside the boundary",
    )


def _money(inputs: Mapping[str, Input], currency: str | None) -> Iterable[Step]:
    energy, instances = "energy_price_per_kwh" in inputs, "instance_price_baseline_per_h" in inputs
    if energy:
        yield Step(
            name="saved_energy_cost",
            label="money saved a month, electricity alone",
            group=MONEY,
            formula="saved_energy_mwh * 1000 * energy_price_per_kwh",
            unit=currency or "",
        )
    if instances:
        yield Step(
            name="saved_instance_cost",
            label="money saved a month, node-hours",
            group=MONEY,
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
            label="electricity in the money saved",
            group=MONEY,
            formula="saved_energy_cost / saved_instance_cost",
            unit=SHARE,
            note="how much of the money is electricity",
        )
