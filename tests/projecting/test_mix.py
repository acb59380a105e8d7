"""Projections of a fleet that runs several applications: shares of the applications, means of the
ratios, and errors that several comparisons share.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from energybench.analysis.uncertainty.effects import combine, exact, normal
from energybench.errors import BadInput
from energybench.model import Estimate, Projection
from energybench.projecting.mix import MAX_COMPARISONS
from energybench.projecting.project import project
from tests.projecting.fleets import IDLE, H, fleet, speedups, value, watts
from tests.projecting.scenarios import comparison, line

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
