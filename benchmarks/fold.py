"""Time and accuracy of intervals over many nodes, and the size of a sum over them as JSON.

    python benchmarks/fold.py [--nodes 1 10 100 1000] [--drawn-to 30]

Each node has ten channels: two packages with DRAM, four boards with a counter and a power reading
that bounds it, of which four boards, two packages and two memories count; about forty effects a
node. Half-widths are given over those of plain random draws of every effect (200,000, so that they
scatter by 0.3 %), up to the number of nodes of `--drawn-to`.

Times are CPU times. `compare` is the whole comparison of two results whose energy, power and idle
power are sums over the nodes; the JSON is that of such a result, without what it says of each node.
Goal: a comparison of two results of 1,000 nodes takes less than 5 s.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from energybench.analysis.comparison.compare import compare
from energybench.analysis.measurement.quantities import net as net_energy
from energybench.analysis.uncertainty.budget import budget
from energybench.analysis.uncertainty.coverage_factors import BOUND_SPAN
from energybench.analysis.uncertainty.effect_kinds import Place
from energybench.analysis.uncertainty.effects import (
    bound,
    combine,
    exact,
    normal,
    rectangular,
    scale,
    student,
    uncombined,
)
from energybench.analysis.uncertainty.node_sums import sum_of_nodes
from energybench.analysis.uncertainty.propagation import propagate
from energybench.analysis.uncertainty.repeats import scatter_effect
from energybench.model import Effect, Estimate, Measurement, Repeat

SAMPLE = Path(__file__).parents[1] / "reports/reference/milc-32-h200/run.json"
TIME_S = 60.0

GOAL_S = 5.0
DRAWS = 200_000
PARTS = {"gpu.board": 4, "cpu.package": 2, "cpu.dram": 2}
GAIN = {"gpu.board": 0.04, "cpu.package": 0.03, "cpu.dram": 0.06}


def node(name: str, scale_j: float, rng: np.random.Generator) -> Estimate:
    """The energy of one node and its effects, uncombined."""
    effects: list[Effect] = []
    total_j = 0.0
    for component, count in PARTS.items():
        for i in range(count):
            joules = scale_j * rng.uniform(0.3, 1.0) * (5.0 if component == "gpu.board" else 1.0)
            device = f"GPU-{name}-{i}" if component == "gpu.board" else f"package-{i}"
            place = Place(component, device, "counter")
            total_j += joules
            effects += [
                normal("gain", GAIN[component] * joules, place, key=f"gain:{component}:{i}@{name}"),
                normal("lag", 0.001 * joules, place, key=f"lag:{device}"),
                rectangular("window-edges", 0.01 * joules, place),
                rectangular("unseen", 0.002 * joules, place),
                rectangular("resolution", 1e-4 * joules, place),
            ]
            if component == "gpu.board":
                limit = 0.002 * joules
                effects.append(
                    bound("counter-against-power", limit, place, key=f"counter-power:{device}")
                )
    memory = Place("cpu.dram", "rest", "model")
    effects += [
        rectangular("model", 0.02 * total_j, memory, key=f"memory:{name}", detail="hardware"),
        rectangular("model", 0.02 * total_j, memory, detail="load"),
    ]
    return uncombined(total_j, effects)


def job(label: str, nodes: int, scale_j: float) -> list[Estimate]:
    rng = np.random.default_rng(len(label) + nodes)
    return [node(f"{label}{number:04}", scale_j, rng) for number in range(nodes)]


def whole(nodes: list[Estimate]) -> Estimate:
    """The total with every effect of every node."""
    effects = [effect for one in nodes for effect in one.effects]
    return uncombined(math.fsum(one.value for one in nodes), effects)


def ratio(x: Mapping[str, Any]) -> Any:
    return x["a"] / x["b"] * np.exp(x["scatter"])


def drawn(inputs: Mapping[str, Estimate]) -> float:
    """Half-width of the ratio by plain draws."""
    rng = np.random.default_rng(11)
    values = {name: np.full(DRAWS, one.value) for name, one in inputs.items()}
    limits: dict[str, dict[str, float]] = {}  # of bounds, by key and input
    errors: dict[str, Any] = {}
    for name, one in inputs.items():
        for effect in one.effects:
            if effect.distribution == "bound":
                of_key = limits.setdefault(effect.key or f"{name} {len(limits)}", {})
                of_key[name] = of_key.get(name, 0.0) + effect.u * BOUND_SPAN
                continue
            standard = errors.get(effect.key or "")
            if standard is None:
                standard = draw(rng, effect)
            if effect.key is not None:
                errors[effect.key] = standard
            values[name] += effect.u * standard
    a, b = inputs["a"].value, inputs["b"].value
    low, high = dict(values), dict(values)
    for of_key in limits.values():
        change = of_key.get("a", 0.0) / a - of_key.get("b", 0.0) / b
        side = high if change > 0 else low
        for name, limit in of_key.items():
            side[name] = side[name] + limit
    ends = np.quantile(ratio(low), 0.025), np.quantile(ratio(high), 0.975)
    return float(ends[1] - ends[0]) / 2


def draw(rng: np.random.Generator, effect: Effect) -> Any:
    if effect.distribution == "student":
        return rng.standard_t(effect.dof or 1.0, DRAWS)
    if effect.distribution == "rectangular":
        return rng.uniform(-math.sqrt(3), math.sqrt(3), DRAWS)
    return rng.standard_normal(DRAWS)


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def measurement(name: str, nodes: Sequence[Estimate]) -> Measurement:
    """A result whose energy, power and idle power are sums over the nodes. All else is that of a
    run on one node.
    """
    energies_j = [math.fsum(one.value for one in nodes) * factor for factor in (0.997, 1, 1.003)]
    energy = sum_of_nodes(nodes, scatter_effect(energies_j))
    idle = sum_of_nodes([scale(one, 0.3 / TIME_S) for one in nodes])
    net, _ = net_energy(energy, idle, exact(TIME_S))
    return msgspec.structs.replace(
        msgspec.json.decode(SAMPLE.read_bytes(), type=Measurement),
        id=name,
        label=name,
        energy_j=energy,
        power_w=scale(energy, 1 / TIME_S),
        idle_power_w=idle,
        net_energy_j=net,
        time_s=exact(TIME_S),
        nodes=len(nodes),
        repeats=tuple(
            Repeat(start_s=100.0 * i, end_s=100.0 * i + TIME_S, energy_j=energy_j)
            for i, energy_j in enumerate(energies_j)
        ),
    )


def row(nodes: int, same: bool, drawn_to: int) -> str:
    sides = job("a", nodes, 900.0), job("a" if same else "bb", nodes, 250.0)
    scatter = uncombined(0.0, (student(0.002, 4.0),))
    everything = {name: whole(side) for name, side in zip("ab", sides, strict=True)}
    combine_s, _ = timed(lambda: combine(everything["a"].value, everything["a"].effects))
    ratio_s, ratio_of_all = timed(lambda: propagate(ratio, {**everything, "scatter": scatter}))
    sum_s, sums = timed(lambda: [sum_of_nodes(side) for side in sides])
    ratio_of_sums = propagate(ratio, {"a": sums[0], "b": sums[1], "scatter": scatter})
    results = [measurement(name, side) for name, side in zip("ab", sides, strict=True)]
    compare_s, comparison = timed(lambda: compare(*results, force=True))
    budget_s, _ = timed(lambda: budget(comparison.energy_ratio, ratio=True))
    plain = drawn({**everything, "scatter": scatter}) if nodes <= drawn_to else None
    cells = [
        f"{nodes}, {'the same' if same else 'others'}",
        f"{len(everything['a'].effects)}",
        f"{combine_s:.2f}",
        f"{ratio_s:.2f}",
        f"{sum_s / 2:.2f}",
        f"{compare_s:.1f}",
        f"{budget_s:.1f}",
        f"{len(sums[0].effects)}",
        f"{len(msgspec.json.encode(results[0])) / 1e3:.0f}",
        f"{100 * ratio_of_sums.half_width / ratio_of_sums.value:.2f}",
        *(
            f"{one.half_width / plain:.4f}" if plain else "-"
            for one in (ratio_of_all, ratio_of_sums)
        ),
    ]
    late = " above the goal" if compare_s > GOAL_S else ""
    return "| " + " | ".join(cells) + f" |{late}"


HEAD = (
    "nodes; those of the candidate",
    "effects of a side",
    "`combine`, s",
    "`propagate`, s",
    "`sum_of_nodes`, s",
    "`compare` of sums, s",
    "budget, s",
    "effects of a sum",
    "JSON, kB",
    "half-width, %",
    "over drawn: all effects",
    "over drawn: sums",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 3, 10, 30, 100, 1000])
    parser.add_argument("--drawn-to", type=int, default=30)
    options = parser.parse_args()
    timed(lambda: row(1, False, 0))  # libraries are loaded and quantiles made
    print("| " + " | ".join(HEAD) + " |")
    print("|" + "---|" * len(HEAD))
    for nodes in options.nodes:
        for same in (False, True):
            print(row(nodes, same, options.drawn_to), flush=True)


if __name__ == "__main__":
    main()
