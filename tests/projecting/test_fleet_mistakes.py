"""Fleets that are refused or doubted: missing and impossible inputs, and power that would be
counted twice or multiplied by a PUE that does not apply to it.
"""

from __future__ import annotations

from typing import Any

import pytest

from energybench.analysis.uncertainty.effects import ranged
from energybench.errors import BadInput
from energybench.projecting.project import project
from tests.projecting.fleets import IDLE, OVERHEAD, H, fleet, value
from tests.projecting.scenarios import codes, comparison, scenario, stated_input

BAD: list[tuple[dict[str, tuple[Any, str] | None], dict[str, Any], str]] = [
    ({"speedup": None}, {}, "inputs.speedup: is missing, and the fleet model needs it"),
    (
        {"power_baseline_w": (0.78, "kW")},
        {},
        "inputs.power_baseline_w.unit: is 'kW' (the fleet model computes with 'W')",
    ),
    ({"utilisation_baseline": (1.2, "")}, {}, "lies out of range (above 0, at most 1)"),
    ({"nodes_baseline": (0, "nodes")}, {}, "inputs.nodes_baseline: 0 [0, 0] lies out of range"),
    ({"pue": (0.9, "")}, {}, "inputs.pue: 0.9 [0.9, 0.9] lies out of range (1 or more"),
    ({"hours_per_month": (8760, "h")}, {}, "inputs.hours_per_month: 8760"),
    (
        {"utilisation_candidate": (0.8, "")},
        {},
        "inputs.idle_power_candidate_w: is missing while utilisation_candidate is 0.8",
    ),
    (
        {"utilisation_baseline": (ranged("u", 1, 0.9, 1), "")},
        {},
        "inputs.idle_power_baseline_w: is missing while utilisation_baseline is 1 with low = 0.9",
    ),
    (
        {"efficiency_baseline": (0.8, "")},
        {},
        "inputs.efficiency_baseline: has no meaning in throughput",
    ),
    ({}, {"mode": "time-to-solution"}, "inputs.efficiency_baseline: is missing: time-to-solution"),
    ({"energy_price_per_kwh": (0.1, "USD/kWh")}, {}, "currency: is missing"),
    (
        {"energy_price_per_kwh": (0.1, "EUR/kWh")},
        {"currency": "USD"},
        "inputs.energy_price_per_kwh.unit: is 'EUR/kWh'",
    ),
    (
        {"instance_price_baseline_per_h": (5, "USD/h")},
        {"currency": "USD"},
        "inputs.instance_price_candidate_per_h: is missing",
    ),
    (
        {"accelerated_shar": (0.5, "")},
        {},
        "inputs.accelerated_shar: is used by no line and no claim (did you mean "
        "accelerated_share?)",
    ),
]


@pytest.mark.parametrize(
    ("changes", "more", "message"),
    BAD,
    ids=lambda entry: entry[:40] if isinstance(entry, str) else "",
)
def test_bad_fleets(
    changes: dict[str, tuple[Any, str] | None], more: dict[str, Any], message: str
) -> None:
    """A mistake is one line with file, key and remedy."""
    with pytest.raises(BadInput) as caught:
        project(fleet(changes, **more), (), "my.toml")
    assert str(caught.value).startswith("my.toml: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "missing",
    [
        "uncovered_baseline_w",
        "uncovered_candidate_w",
        "psu_efficiency_baseline",
        "psu_efficiency_candidate",
    ],
)
@pytest.mark.parametrize("boundary", ["compute", "device"])
def test_component_joules_and_pue(missing: str, boundary: str) -> None:
    """Component joules times a PUE need stated ranges for power and losses outside them."""
    unit = OVERHEAD[missing][1]
    for changed in (None, (OVERHEAD[missing][0].value, unit)):
        with pytest.raises(
            BadInput,
            match=rf"my\.toml: inputs\.{missing}: (is missing|has no range).*may not be multiplied "
            r"by a PUE of 1\.2 \(state value, low",
        ):
            project(fleet({**OVERHEAD, missing: changed}, boundary=boundary), (), "my.toml")
    project(fleet(OVERHEAD, boundary=boundary))
    project(fleet({"pue": (1, "")}, boundary=boundary))


def test_the_comparisons_boundary_decides() -> None:
    """The same scenario is refused with component joules and computed with those of the socket in
    the wall.
    """
    plan = fleet({"pue": (1.2, "")}, measured=True)
    project(plan, [comparison(boundary="node-ac")])
    with pytest.raises(BadInput, match="joules of the boundary compute"):
        project(plan, [comparison(boundary="compute")])


def test_pue_in_a_scenario_without_the_model() -> None:
    """Lines of a scenario without the model follow the same rule."""
    plan = scenario(
        stated_input("e", None, measured="energy_ratio"),
        stated_input("pue", 1.2),
        lines=[("a", "e * pue")],
    )
    with pytest.raises(BadInput, match=r"inputs\.uncovered_baseline_w: is missing"):
        project(plan, [comparison(boundary="compute")])


@pytest.mark.parametrize(
    ("boundary", "watts_b", "psu"),
    [("node-ac", 780, 1.0), ("node-dc", 780, 0.93), ("compute", 840, 0.93)],
)
def test_nothing_is_counted_twice(boundary: str, watts_b: float, psu: float) -> None:
    """Power inside the boundary is not added again, and a doubt says so."""
    projection = project(fleet(OVERHEAD, boundary=boundary))
    assert value(projection, "baseline_energy_mwh") == pytest.approx(
        1.2 * H * 1284 * watts_b / psu / 1e6
    )
    assert ("not-counted-twice" in codes(projection.doubts)) is (boundary != "compute")
    assert ("components-only" in codes(project(fleet(boundary=boundary)).doubts)) is (
        boundary != "node-ac"
    )


def test_idle_above_run() -> None:
    """Idle power above the power in use points to two different nodes."""
    assert "idle-above-run" in codes(
        project(fleet({**IDLE, "idle_power_baseline_w": (900, "W")})).doubts
    )
