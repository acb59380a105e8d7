"""A month of a fleet satisfies its identities whatever the inputs, and a computation that is not
allowed is refused.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from energybench.analysis.uncertainty.effects import combine, exact, normal, ranged
from energybench.errors import BadInput
from energybench.model import Estimate, Projection
from energybench.projecting.mix import MAX_COMPARISONS
from energybench.projecting.project import project
from energybench.projecting.scenario import Scenario
from tests.projecting.test_project import codes, comparison, line, scenario, stated_input

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


# ---------------------------------------------------------------- identities


@over(nodes=st.integers(1, 5000), s=speedups, p_b=watts, p_c=watts)
@settings(max_examples=60)
def test_saved_energy_identity(nodes: int, s: float, p_b: float, p_c: float) -> None:
    """Saved energy = N_gpu · (S · P_cpu − P_gpu) · h = E_cpu · (1 − 1/R), at full load and whole
    nodes.
    """
    projection = project(
        fleet(
            {
                "nodes_baseline": (nodes * s, "nodes"),
                "speedup": (s, ""),
                "power_baseline_w": (p_b, "W"),
                "power_candidate_w": (p_c, "W"),
            }
        )
    )
    saved, ratio, scale = (
        value(projection, "saved_energy_mwh"),
        value(projection, "ratio_node"),
        nodes * s * p_b * H / 1e6,
    )
    assert value(projection, "nodes_candidate") == nodes
    assert ratio == pytest.approx(s * p_b / p_c, rel=1e-12)
    assert saved == pytest.approx(nodes * (s * p_b - p_c) * H / 1e6, abs=1e-8 * scale)
    assert saved == pytest.approx(
        value(projection, "baseline_energy_mwh") * (1 - 1 / ratio), abs=1e-8 * scale
    )


@over(n=st.floats(1, 5000), s=speedups, p_b=watts, p_c=watts, u_b=shares, u_c=shares, share=shares)
@settings(max_examples=60)
def test_identity_where_idle_nodes_are_off(
    n: float, s: float, p_b: float, p_c: float, u_b: float, u_c: float, share: float
) -> None:
    """With idle nodes switched off, E_saved = E_cpu · (1 − 1/R) at any utilisation, share and
    rounding to whole nodes: the work is what counts.
    """
    off: dict[str, tuple[Any, str] | None] = {
        "idle_power_baseline_w": (0, "W"),
        "idle_power_candidate_w": (0, "W"),
    }
    loads: dict[str, tuple[Any, str] | None] = {
        "utilisation_baseline": (u_b, ""),
        "utilisation_candidate": (u_c, ""),
        "accelerated_share": (share, ""),
    }
    powers: dict[str, tuple[Any, str] | None] = {
        "power_baseline_w": (p_b, "W"),
        "power_candidate_w": (p_c, "W"),
    }
    projection = project(
        fleet({"nodes_baseline": (n, "nodes"), "speedup": (s, ""), **powers, **loads, **off})
    )
    energy = value(projection, "baseline_energy_mwh")
    scale = energy * max(1.0, 1 / value(projection, "ratio_node"))
    assert value(projection, "saved_energy_mwh") == pytest.approx(
        energy * (1 - 1 / value(projection, "ratio_node")), abs=1e-8 * scale
    )
    assert value(projection, "load_candidate") <= u_c * (1 + 1e-6)
    assert value(projection, "baseline_energy_mwh") + value(
        projection, "unmoved_energy_mwh"
    ) == pytest.approx(n * H * u_b * p_b / 1e6, rel=1e-9)


def test_formula_of_method() -> None:
    """E = PUE · h · N · [u · P_run + (1 − u) · P_idle + P_uncovered] / η_PSU, and N_candidate
    rounded up.
    """
    loads: dict[str, tuple[Any, str] | None] = {
        "utilisation_baseline": (0.8, ""),
        "utilisation_candidate": (0.7, ""),
        "nodes_baseline": (100, "nodes"),
    }
    projection = project(fleet({**loads, **OVERHEAD, **IDLE}, boundary="compute"))
    assert value(projection, "nodes_candidate") == 10  # ceil(100 · 0.8 / (12 · 0.7)) = ceil(9.52)
    busy = 100 * 0.8 / 12 / 10
    assert value(projection, "baseline_energy_mwh") == pytest.approx(
        1.2 * H * 100 * (0.8 * 780 + 0.2 * 200 + 60) / 0.93 / 1e6
    )
    assert value(projection, "candidate_energy_mwh") == pytest.approx(
        1.2 * H * 10 * (busy * 1880 + (1 - busy) * 500 + 150) / 0.93 / 1e6
    )


def test_time_to_solution() -> None:
    """One job over many nodes: parallel efficiencies enter as η_b / η_c."""
    efficiencies: dict[str, tuple[Any, str] | None] = {
        "efficiency_baseline": (0.6, ""),
        "efficiency_candidate": (0.9, ""),
        "nodes_baseline": (180, "nodes"),
    }
    projection = project(fleet(efficiencies, mode="time-to-solution"))
    assert value(projection, "nodes_candidate") == 10  # 180 · 0.6 / (12 · 0.9)


def test_money_has_two_lines() -> None:
    """Electricity and node-hours are separate; node-hours with prices are the answer."""
    prices: dict[str, tuple[Any, str] | None] = {
        "energy_price_per_kwh": (0.1, "USD/kWh"),
        "instance_price_baseline_per_h": (5.44, "USD/h"),
        "instance_price_candidate_per_h": (14.692, "USD/h"),
    }
    projection = project(fleet(prices, currency="USD"))
    assert value(projection, "saved_instance_cost") == pytest.approx(107 * H * (12 * 5.44 - 14.692))
    assert value(projection, "saved_energy_cost") == pytest.approx(
        value(projection, "saved_energy_mwh") * 100
    )
    assert projection.saved_cost_per_month == line(projection.lines, "saved_instance_cost").value
    assert value(projection, "energy_share_of_money") == pytest.approx(
        value(projection, "saved_energy_cost") / value(projection, "saved_instance_cost")
    )
    energy_only = project(fleet({"energy_price_per_kwh": (0.1, "USD/kWh")}, currency="USD"))
    assert energy_only.saved_cost_per_month == line(energy_only.lines, "saved_energy_cost").value


def test_carbon() -> None:
    """MWh times g/kWh are kg; a thousand of them a tonne."""
    projection = project(fleet({"carbon_g_per_kwh": (475, "g/kWh")}))
    assert projection.saved_tco2e_per_month is not None
    assert projection.saved_tco2e_per_month.value == pytest.approx(
        value(projection, "saved_energy_mwh") * 0.475
    )


# ---------------------------------------------------------------- monotonicity and correlation


@over(s=speedups, more=st.floats(1.01, 3), p_b=watts, p_c=watts)
@settings(max_examples=40)
def test_monotonic(s: float, more: float, p_b: float, p_c: float) -> None:
    """A faster candidate never saves less; one that draws more never saves more; a PUE scales the
    saving.
    """

    def saved(speed: float, power: float, pue: float = 1.0) -> float:
        changes: dict[str, tuple[Any, str] | None] = {
            "speedup": (speed, ""),
            "power_baseline_w": (p_b, "W"),
            "power_candidate_w": (power, "W"),
        }
        return value(project(fleet({**changes, "pue": (pue, "")})), "saved_energy_mwh")

    first = saved(s, p_c)
    assert saved(s * more, p_c) >= first - 1e-9 * abs(first)
    assert saved(s, p_c * more) <= first + 1e-9 * abs(first)
    assert saved(s, p_c, 1.3) == pytest.approx(1.3 * first, rel=1e-9)


def test_accelerated_share_limits_the_saving() -> None:
    """The rest of the load stays on its nodes and saves nothing."""
    full = project(fleet())
    part = project(fleet({"accelerated_share": (0.25, ""), "nodes_baseline": (4 * 1284, "nodes")}))
    assert value(part, "saved_energy_mwh") == pytest.approx(value(full, "saved_energy_mwh"))
    assert value(part, "saved_share") == pytest.approx(value(full, "saved_share") / 4)
    assert "whole-load-moves" in codes(full.doubts)
    assert "whole-load-moves" not in codes(part.doubts)


def test_what_both_sides_share_cancels() -> None:
    """PUE and a shared power supply have no part in the ratio of the fleets; a shared gain has no
    part in R.
    """
    site = {
        **OVERHEAD,
        "uncovered_baseline_w": (ranged("b", 60, 59.9999, 60.0001), "W"),
        "uncovered_candidate_w": (ranged("c", 150, 149.9999, 150.0001), "W"),
    }
    projection = project(fleet(site, boundary="compute"))
    assert line(projection.lines, "ratio_fleet").value.half_width < 1e-4
    assert line(projection.lines, "baseline_energy_mwh").value.half_width > 50
    powers: dict[str, tuple[Any, str] | None] = {
        f"power_{side}_w": (combine(watt, [normal("gain", 0.05 * watt, key="gain:meter")]), "W")
        for side, watt in (("baseline", 780.0), ("candidate", 1880.0))
    }
    assert line(project(fleet(powers)).lines, "ratio_node").value.half_width < 1e-9


# ---------------------------------------------------------------- what is refused


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
        "inputs.idle_power_baseline_w: is missing",
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


# ---------------------------------------------------------------- several applications


APPS = (
    {"name": "milc", "speedup": 6.0, "power_w": (500.0, 1500.0)},
    {"name": "deepcam", "speedup": 12.0, "power_w": (600.0, 700.0)},
    {"name": "exaalt", "speedup": 10.0, "power_w": (550.0, 900.0)},
)


def mixed(
    apps: Sequence[dict[str, Any]] = APPS, mix: dict[str, float] | None = None, **more: Any
) -> Projection:
    return project(
        fleet({**IDLE, **more}, measured=True, mix=mix or {}), [comparison(**app) for app in apps]
    )


@over(st.lists(st.tuples(speedups, watts, watts, st.floats(0.05, 1)), min_size=2, max_size=5))
@settings(max_examples=40)
def test_mix_is_the_sum_over_applications(rows: list[tuple[float, float, float, float]]) -> None:
    """Energies of the mix are the sums over its applications; only the energy-weighted mean gives
    the saving.
    """
    total = sum(row[3] for row in rows)
    apps = [
        {"name": f"app{i}", "speedup": s, "power_w": (p_b, p_c)}
        for i, (s, p_b, p_c, _) in enumerate(rows)
    ]
    weights = [row[3] / total for row in rows]
    off: dict[str, tuple[Any, str]] = {"nodes_baseline": (1000, "nodes")}
    powers = project(
        fleet({**off}, measured=True, mix={f"app{i}": w for i, w in enumerate(weights)}),
        [comparison(**app, idle_w=(None, None)) for app in apps],
    )
    above = sum(w * row[1] for w, row in zip(weights, rows, strict=True)) * 1000 * H / 1e6
    below = sum(w / row[0] * row[2] for w, row in zip(weights, rows, strict=True)) * 1000 * H / 1e6
    assert value(powers, "baseline_energy_mwh") == pytest.approx(above, rel=1e-9)
    assert value(powers, "ratio_node") == pytest.approx(above / below, rel=1e-9)
    assert value(powers, "ratio_energy_weighted") == pytest.approx(above / below, rel=1e-9)
    ratios = [s * p_b / p_c for s, p_b, p_c, _ in rows]
    energies = [w * row[1] for w, row in zip(weights, rows, strict=True)]
    assert value(powers, "ratio_arithmetic_mean") == pytest.approx(
        statistics.fmean(ratios), rel=1e-9
    )
    assert value(powers, "ratio_geometric_mean") == pytest.approx(
        statistics.geometric_mean(ratios), rel=1e-9
    )
    assert value(powers, "ratio_energy_weighted") == pytest.approx(
        statistics.harmonic_mean(ratios, energies), rel=1e-9
    )


def test_each_mean_by_its_name() -> None:
    """Three means, in lines that name them; shares are inputs with their source."""
    projection = mixed()
    assert [
        entry.label.split(" mean")[0]
        for entry in projection.lines
        if entry.name.startswith("ratio_") and " mean" in entry.label
    ] == [
        "arithmetic",
        "geometric",
        "energy-weighted (harmonic)",
    ]
    assert projection.title == "S: mix of 3 applications"
    share = next(
        used for used in line(projection.lines, "speedup").inputs if used.name == "share_2"
    )
    assert (share.value, share.source) == (
        exact(1 / 3),
        "equal shares, none were stated: deepcam cpu → deepcam cuda",
    )


def test_one_application_in_two_shares_is_itself() -> None:
    """Splitting an application changes nothing."""
    one = project(fleet(IDLE, measured=True), [comparison(**APPS[0])])
    two = mixed([APPS[0], {**APPS[0], "name": "again"}], {"milc": 0.3, "again": 0.7})
    assert value(two, "saved_energy_mwh") == pytest.approx(
        value(one, "saved_energy_mwh"), rel=1e-12
    )


def test_shares_weigh() -> None:
    """All of the load in one application approaches that application."""
    projection = mixed(
        mix={"milc": 1e-7, "deepcam cpu": 1 - 2e-7, "exaalt cpu → exaalt cuda": 1e-7}
    )
    assert value(projection, "speedup") == pytest.approx(12, rel=1e-4)


def test_idle_power_of_those_that_have_it() -> None:
    """An application without idle power leaves the others' to stand."""
    projection = mixed([{**APPS[0], "idle_w": (None, None)}, APPS[1]])
    assert value(projection, "idle_power_baseline_w") == 200


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        ({"milc": 0.5, "deepcam": 0.5}, "mix: gives no share to exaalt cpu → exaalt cuda"),
        ({"milc": 0.5, "deepcam": 0.3, "exaalt": 0.3}, "mix: adds up to 1.1"),
        (
            {"milc": 0.5, "deepcam": 0.3, "lammps": 0.2},
            "mix.lammps: fits no comparison (the labels are milc cpu → milc cuda",
        ),
        (
            {"milc": 0.5, "milc cpu": 0.3, "exaalt": 0.2},
            "mix.milc cpu: names a comparison that has its share already",
        ),
    ],
)
def test_bad_mixes(mix: dict[str, float], message: str) -> None:
    """Shares must name every application once and add up."""
    with pytest.raises(BadInput) as caught:
        mixed(mix=mix)
    assert message in str(caught.value)


def test_bad_comparisons() -> None:
    """Different boundaries, a repeated comparison, too many, or a comparison without powers."""
    plan = fleet(IDLE, measured=True)
    for comparisons, message in (
        ([comparison(), comparison()], "twice"),
        (
            [comparison(), comparison("b", boundary="device")],
            "different boundaries: node-ac, device",
        ),
        ([comparison(str(i)) for i in range(MAX_COMPARISONS + 1)], "at most 40"),
        ([comparison(power_w=(600.0, 1440.0), energy_ratio=None)], "has no energy_ratio"),
    ):
        with pytest.raises(BadInput, match=message):
            project(plan, comparisons)
    project(plan, [comparison(f"app {i}") for i in range(MAX_COMPARISONS)])


def test_a_gain_shared_by_applications_stays_shared() -> None:
    """One node ran both applications: the shared gain is as large in the mix as in a single
    application.
    """

    def power(watt: float, key: str) -> Estimate:
        return combine(watt, [normal("gain", 0.05 * watt, key=key)])

    def half(keys: tuple[str, str]) -> float:
        apps = [
            {"name": name, "speedup": 10.0, "power_w": (power(500.0, key), 1000.0)}
            for name, key in zip("ab", keys, strict=True)
        ]
        estimate = line(mixed(apps).lines, "power_baseline_w").value
        return estimate.half_width / estimate.value

    assert half(("node", "node")) == pytest.approx(0.098, rel=0.02)
    assert half(("node 1", "node 2")) == pytest.approx(0.098 / 2**0.5, rel=0.02)
