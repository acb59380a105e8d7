"""Traces and windows become one honest measurement."""

from __future__ import annotations

import pytest

from energybench.analysis.measurement import node_quantities
from energybench.model import Verification, Window
from tests.analysis.runs import run, work


def codes(found) -> set[str]:  # type: ignore[no-untyped-def]
    return {doubt.code for doubt in found.doubts}


def test_energy_is_the_sum_of_its_parts() -> None:
    """Gross energy of one repeat: packages + memory + every board, equal to what the sensors
    integrated.
    """
    found = run("r", package_w=200, gpu_w=[300, 300])
    assert found.energy_j is not None
    assert found.energy_j.value == pytest.approx((200 + 20 + 600) * 10, rel=0.002)
    assert sum(e.value for e in found.components_j.values()) == pytest.approx(found.energy_j.value)
    assert found.power_w is not None
    assert found.power_w.value == pytest.approx(820, rel=0.002)
    assert found.quality == "measured"
    assert {part.state for part in found.boundary.parts} == {"measured"}


def test_gain_does_not_shrink_with_the_number_of_repeats() -> None:
    """A gain of 3 % stays 3 % after 8 repeats; only the scatter shrinks."""
    found = run("r", gain_u=0.03)
    assert found.energy_j is not None
    gains = [effect.u for effect in found.energy_j.effects if effect.key]
    assert max(gains) == pytest.approx(0.03 * 2000, rel=0.01)


def test_scatter_enters_with_several_repeats_and_edges_with_one() -> None:
    """By scatter at n ≥ 2, by model at n = 1, never by both."""
    many = run("r", power_factor=[1, 1.01, 0.99, 1.02, 0.98, 1, 1.01, 0.99])
    one = run("r", times_s=(10.0,))
    assert many.energy_j is not None
    assert one.energy_j is not None
    assert any(e.name == "run-to-run scatter" and e.dof == 7 for e in many.energy_j.effects)
    assert not any(e.name.endswith((": window edges", "resolution")) for e in many.energy_j.effects)
    assert any("resolution" in e.name for e in one.energy_j.effects)
    assert "single-repeat" in codes(one)


def test_a_region_has_its_energy_and_interval() -> None:
    """4 of 10 s at 820 W with gains of 3 % on every part: mean of the occurrences, with the gains
    that all share and their scatter; too short: its limits, and a doubt.
    """
    parts = {"solve": (3.0, 7.0), "blink": (1.0, 1.05)}
    found = run(
        "r",
        gpu_w=[300, 300],
        gain_u=0.03,
        power_factor=[1, 1.01, 0.99, 1.02, 0.98, 1, 1.01, 0.99],
        parts=parts,
    )
    regions = {region.label: region for region in found.regions}
    solve = regions["solve"].energy_j
    assert solve is not None
    assert found.energy_j is not None
    assert (regions["solve"].count, regions["solve"].in_repeat) == (8, True)
    assert solve.value == pytest.approx(820 * 4, rel=0.005)
    assert solve.half_width / solve.value == pytest.approx(
        found.energy_j.half_width / found.energy_j.value, rel=0.1
    )
    assert any(effect.name == "run-to-run scatter" for effect in solve.effects)
    assert {effect.key for effect in solve.effects} == {
        effect.key for effect in found.energy_j.effects
    }
    blink = regions["blink"].energy_j
    assert blink is not None
    assert blink.low < 820 * 0.05 < blink.high
    assert blink.half_width / blink.value > 0.5
    assert [doubt.subject for doubt in found.doubts if doubt.code == "region-short"] == ["blink"]


def test_idle_accelerators_are_included_and_named() -> None:
    """Boards the work was not given are in the energy, under a name of their own, with a doubt."""
    found = run("r", gpu_w=[300], unused_gpu_w=[60, 60])
    assert found.components_j["gpu.board.unused"].value == pytest.approx(1200, rel=0.002)
    assert "idle-accelerators" in codes(found)


def test_net_energy_is_refused_where_its_interval_holds_zero() -> None:
    """Gross less idle of nearly the same power says nothing."""
    refused = run(
        "r", gain_u=0.03, idle_share=0.999, power_factor=[1, 1.01, 0.99, 1.02, 0.98, 1, 1.01, 0.99]
    )
    assert refused.net_energy_j is None
    assert "net-refused" in codes(refused)
    given = run("r", gain_u=0.03, idle_share=0.4)
    assert given.net_energy_j is not None
    assert given.net_energy_j.value == pytest.approx(220 * 10 * 0.6, rel=0.01)
    assert given.idle_power_w is not None
    assert given.idle_power_w.value == pytest.approx(88, rel=0.01)


def test_energy_per_work_divides_by_what_was_solved() -> None:
    """Four solves in one repeat: a quarter of its energy each."""
    found = run("r", done=work(amount=4.0))
    assert found.energy_per_work_j is not None
    assert found.energy_j is not None
    assert found.energy_per_work_j.value == pytest.approx(found.energy_j.value / 4)


def test_a_failed_check_is_a_doubt() -> None:
    """The energy of wrong work is not worth anything."""
    found = run(
        "r", checks=[Verification(quantity="residual", value=None, tolerance=1e-6, passed=False)]
    )
    assert "verification-failed" in codes(found)


def test_a_trend_over_the_repeats_is_a_doubt() -> None:
    """Energy that rises with every repeat is no steady state."""
    assert "trend" in codes(run("r", power_factor=[1 + 0.01 * i for i in range(8)]))
    assert "trend" not in codes(run("r"))


def test_short_windows_are_a_doubt() -> None:
    """Half a second on a counter of 100 ms leans on interpolation."""
    assert "short-window" in codes(run("r", gpu_w=[300], times_s=(0.5,) * 8))


def test_no_time_is_below_nothing() -> None:
    """Two repeats of very different lengths, on one node and on several."""
    windows = [
        Window(label="repeat", start_s=0, end_s=0.5),
        Window(label="repeat", start_s=1, end_s=3),
    ]
    assert node_quantities.time(windows).low == 0.0
    assert run("uneven", times_s=(2.0, 9.0)).time_s.low == 0.0
