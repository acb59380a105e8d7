"""A month of a fleet satisfies its identities whatever the inputs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from energybench.analysis.uncertainty.effects import combine, normal, ranged
from energybench.projecting.project import project
from tests.projecting.fleets import IDLE, OVERHEAD, H, fleet, shares, speedups, value, watts
from tests.projecting.scenarios import codes, line

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
