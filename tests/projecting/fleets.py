"""A fleet of GPU nodes in place of CPU nodes, with changes, for the tests of the fleet model."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from energybench.analysis.uncertainty.effects import ranged
from energybench.model import Projection
from energybench.projecting.scenario import Scenario
from tests.projecting.scenarios import line, scenario, stated_input

H = 730.0
BASE: dict[str, tuple[Any, str]] = {
    "nodes_baseline": (1284, "nodes"),
    "speedup": (12, ""),
    "power_baseline_w": (780, "W"),
    "power_candidate_w": (1880, "W"),
    "utilisation_baseline": (1, ""),
    "utilisation_candidate": (1, ""),
}
OVERHEAD: dict[str, tuple[Any, str]] = {
    "pue": (ranged("pue", 1.2, 1.1, 1.3), ""),
    "uncovered_baseline_w": (ranged("u_b", 60, 40, 80), "W"),
    "uncovered_candidate_w": (ranged("u_c", 150, 100, 200), "W"),
    "psu_efficiency_baseline": (ranged("psu_b", 0.93, 0.9, 0.96, "psu"), ""),
    "psu_efficiency_candidate": (ranged("psu_c", 0.93, 0.9, 0.96, "psu"), ""),
}
IDLE: dict[str, tuple[Any, str]] = {
    "idle_power_baseline_w": (200, "W"),
    "idle_power_candidate_w": (500, "W"),
}
MEASURED = (
    "speedup",
    "power_baseline_w",
    "power_candidate_w",
    "idle_power_baseline_w",
    "idle_power_candidate_w",
)
watts = st.floats(50, 5000)
speedups = st.floats(0.2, 200)
shares = st.floats(0.05, 1)


def fleet(
    changes: dict[str, tuple[Any, str] | None] | None = None, *, measured: bool = False, **more: Any
) -> Scenario:
    """The model on BASE with changes; None takes an input out."""
    stated = {
        name: entry for name, entry in {**BASE, **(changes or {})}.items() if entry is not None
    }
    inputs = [
        stated_input(name, value, unit, measured=name if measured and name in MEASURED else None)
        for name, (value, unit) in stated.items()
    ]
    return scenario(*inputs, model="fleet", **{"boundary": "node-ac", **more})


def value(projection: Projection, name: str) -> float:
    return line(projection.lines, name).value.value
