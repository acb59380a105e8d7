"""Scenarios and comparisons made in code, for the tests of projecting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from energybench.analysis.uncertainty.effects import exact, ranged
from energybench.formula import Step
from energybench.model import Comparison, Doubt, Estimate, Line, RangeMeaning
from energybench.projecting.scenario import (
    Scenario,
    ScenarioInput,
)


def stated_input(
    name: str, value: Estimate | float | None, unit: str = "", **more: Any
) -> ScenarioInput:
    """An input; a plain number is exact."""
    estimate = exact(float(value)) if isinstance(value, int | float) else value
    return ScenarioInput(name=name, value=estimate, unit=unit, source="a test", **more)


def stated_range(
    name: str,
    value: float,
    low: float,
    high: float,
    unit: str = "",
    meaning: RangeMeaning = "uniform",
) -> ScenarioInput:
    """An input with a stated range, as a scenario file gives it."""
    estimate = ranged(name, value, low, high, meaning=meaning)
    return stated_input(name, estimate, unit, stated=(low, high), range=meaning)


def scenario(
    *inputs: ScenarioInput, lines: Sequence[tuple[str, ...]] = (), **more: Any
) -> Scenario:
    """lines: (name, formula, unit)."""
    steps = tuple(
        Step(name=name, formula=formula, unit=unit[0] if unit else "")
        for name, formula, *unit in lines
    )
    return Scenario(
        **{
            "name": "s",
            "title": "S",
            "about": "",
            "mode": "throughput",
            "inputs": inputs,
            "lines": steps,
            **more,
        }
    )


def comparison(
    name: str = "milc",
    *,
    speedup: Estimate | float = 12.0,
    power_w: tuple[Estimate | float, Estimate | float] = (600.0, 1440.0),
    idle_w: tuple[Estimate | float | None, Estimate | float | None] = (200.0, 500.0),
    nodes: tuple[int, int] = (1, 1),
    **changes: Any,
) -> Comparison:
    """A comparison whose energy ratio is S · P_baseline / P_candidate, node for node."""

    def estimate(value: Estimate | float | None) -> Estimate | None:
        return exact(value) if isinstance(value, int | float) else value

    times, baseline_w, candidate_w = (
        estimate(speedup),
        estimate(power_w[0]),
        estimate(power_w[1]),
    )
    assert times is not None
    assert baseline_w is not None
    assert candidate_w is not None
    node_for_node = times.value * nodes[0] / nodes[1]
    stated: dict[str, Any] = {
        "title": "energy ratio",
        "baseline": f"{name}-a",
        "candidate": f"{name}-b",
        "labels": (f"{name} cpu", f"{name} cuda"),
        "boundary": "node-ac",
        "quality": "measured",
        "energy_ratio": exact(node_for_node * baseline_w.value / candidate_w.value),
        "speedup": times,
        "net_energy_ratio": None,
        "node_hours": (node_for_node, 1.0),
        "energy_delay_ratio": None,
        "verdict": "better",
        "margin": 0.05,
        "second_lines": (),
        "power_w": (baseline_w, candidate_w),
        "idle_power_w": (estimate(idle_w[0]), estimate(idle_w[1])),
        "doubts": (),
    }
    return Comparison(**{**stated, **changes})


def line(lines: Sequence[Line], name: str) -> Line:
    return next(entry for entry in lines if entry.name == name)


def codes(doubts: Sequence[Doubt]) -> list[str]:
    return [doubt.code for doubt in doubts]
