"""Fair comparisons: what is refused, what cancels, what is said beside the ratio."""

from __future__ import annotations

import re

import msgspec
import pytest

from energybench.analysis.comparison.compare import compare
from energybench.analysis.uncertainty.effects import exact
from energybench.cli.summary import comparison
from energybench.errors import Refused
from energybench.model import SCATTER_UNKNOWN, UNUSED, Verification, WorkloadRef
from energybench_reports.view.comparison import answer
from tests.analysis.runs import run, work

SCATTER = [1, 1.01, 0.99, 1.02, 0.98, 1, 1.01, 0.99]
OK = Verification(quantity="residual", value=1e-11, tolerance=1e-10, passed=True)


def codes(found) -> set[str]:  # type: ignore[no-untyped-def]
    return {doubt.code for doubt in found.doubts}


def pair(**candidate):  # type: ignore[no-untyped-def]
    a = run(
        "cpu", package_w=400, done=work(), checks=[OK], host="a", gain_u=0.03, power_factor=SCATTER
    )
    stated = {
        "package_w": 100,
        "gpu_w": [300, 300],
        "times_s": (2.0,) * 8,
        "done": work(),
        "checks": [OK],
        "host": "b",
        "gain_u": 0.03,
    }
    return a, run("gpu", **{**stated, "power_factor": SCATTER, **candidate})


def test_ratio_speedup_and_verdict() -> None:
    """E_baseline / E_candidate and T_baseline / T_candidate, each inside its interval; clearly
    better.
    """
    found = compare(*pair())
    assert found.energy_ratio is not None
    assert found.energy_ratio.value == pytest.approx(420 * 10 / (720 * 2), rel=0.01)
    assert found.energy_ratio.low < found.energy_ratio.value < found.energy_ratio.high
    assert found.speedup.value == pytest.approx(5)
    assert found.energy_delay_ratio is not None
    assert found.energy_delay_ratio.value == pytest.approx(found.energy_ratio.value * 5, rel=0.01)
    assert found.node_hours == pytest.approx((10 / 3600, 2 / 3600))
    assert found.verdict == "better"
    assert found.title == "energy ratio"
    assert "one-node" in codes(found)


def test_a_run_against_itself_is_equivalent_and_its_gains_cancel() -> None:
    """One node's gains are the same error on both sides: the interval is the scatter's alone."""
    a, _ = pair()
    found = compare(a, a)
    assert found.energy_ratio is not None
    assert found.energy_ratio.value == 1
    assert found.verdict == "equivalent"
    assert not [e for e in found.energy_ratio.effects if e.key]


def test_a_ratio_that_two_wild_repeats_leave_open_is_still_a_number_on_the_terminal() -> None:
    """Two repeats whose times differ by half: the interval is huge, and the energy-delay ratio does
    not read 0.
    """
    a = run("a", host="a", times_s=(4.0, 8.0))
    b = run("b", host="b", times_s=(2.0, 4.0))
    found = compare(a, b)
    assert found.energy_delay_ratio is not None
    assert found.energy_delay_ratio.half_width > 30 * found.energy_delay_ratio.value
    (shown,) = re.findall(r"energy-delay ratio (\S+) \[", comparison(found))
    assert float(shown) == pytest.approx(found.energy_delay_ratio.value, rel=0.1)


def test_a_ratio_of_energies_that_are_hardly_known_is_not_below_zero() -> None:
    """No energy is negative, however wide its interval is."""
    a, b = (run(name, host=name, gain_u=0.8, power_factor=SCATTER) for name in "ab")
    found = compare(a, b)
    assert found.energy_ratio is not None
    assert found.energy_ratio.low == 0
    assert found.energy_ratio.high > 2
    assert found.energy_delay_ratio is not None
    assert found.energy_delay_ratio.low == 0
    assert found.verdict == "inconclusive"


def test_gains_of_two_nodes_do_not_cancel() -> None:
    """Package 0 of one node and package 0 of another are two sensors."""
    found = compare(*pair())
    assert found.energy_ratio is not None
    assert len({e.key for e in found.energy_ratio.effects if e.key}) >= 4


def test_the_same_work_in_other_portions_compares_per_unit() -> None:
    """A repeat of four solves against a repeat of one."""
    a, b = pair(done=work(amount=4.0), times_s=(8.0,) * 8)
    found = compare(a, b)
    assert found.speedup.value == pytest.approx(5)
    assert found.energy_ratio is not None
    assert found.energy_ratio.value == pytest.approx(420 * 10 / (720 * 2), rel=0.01)
    assert found.energy_delay_ratio is not None
    assert found.energy_delay_ratio.value == pytest.approx(found.energy_ratio.value * 5, rel=0.01)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"done": work(fingerprint="other")}, "other work"),
        ({"done": work(unit="sample")}, "other work"),
        ({"done": None}, "only one of them"),
        ({"done": work(precision="equal-precision")}, "equal-precision"),
        (
            {
                "checks": [
                    Verification(quantity="residual", value=1.0, tolerance=1e-10, passed=False)
                ]
            },
            "failed its check",
        ),
        ({"boundary": "device"}, "boundaries differ"),
    ],
)
def test_what_is_not_comparable_is_refused_unless_forced(
    change: dict[str, object], says: str
) -> None:
    """Other work, another precision policy, a failed check, another boundary: refused; by force it
    carries the doubt.
    """
    a, b = pair(**change)
    with pytest.raises(Refused, match=says):
        compare(a, b)
    forced = compare(a, b, force=True)
    assert any(code.startswith("forced-") for code in codes(forced))


def test_settings_that_make_other_work_are_named() -> None:
    sides = [
        msgspec.structs.replace(
            side,
            workload=WorkloadRef(
                name="milc", size="smoke", device="cpu", settings={"mass": mass, "seed": 1}
            ),
        )
        for side, mass in zip(pair(), (0.01, 0.05), strict=True)
    ]
    other = msgspec.structs.replace(sides[1], work=work(fingerprint="other"))
    with pytest.raises(Refused, match=r"their settings differ in mass \(0.01, 0.05\)"):
        compare(sides[0], other)


def test_programs_without_a_fingerprint_are_taken_on_trust() -> None:
    """Two measured programs compare, with the doubt that nobody knows they did the same."""
    found = compare(run("a", host="a"), run("b", host="b", times_s=(5.0,) * 8))
    assert "work-unproven" in codes(found)


def test_idle_accelerators_of_a_baseline_give_a_second_line() -> None:
    """A CPU baseline on a GPU node includes its idle boards; the ratio without them is a second,
    labelled line.
    """
    _, gpu = pair()
    cpu = run(
        "cpu",
        package_w=400,
        unused_gpu_w=[60, 60, 60, 60],
        done=work(),
        checks=[OK],
        host="a",
        gain_u=0.03,
        power_factor=SCATTER,
    )
    found = compare(cpu, gpu)
    assert found.energy_ratio is not None
    assert found.energy_ratio.value == pytest.approx((420 + 240) * 10 / 1440, rel=0.01)
    (second,) = found.second_lines
    assert "without the idle accelerators of cpu" in second.label
    assert second.energy_ratio.value == pytest.approx(420 * 10 / 1440, rel=0.01)
    assert "idle-accelerators" in codes(found)
    assert not any(e.key and e.key.startswith("gain:GPU-a") for e in second.energy_ratio.effects)


def test_accelerators_of_both_sides_give_a_narrow_ratio_beside_the_wide_one() -> None:
    """Two GPU nodes: the ratio of the boards alone, whose gains are those of the boards."""
    first = run("a", package_w=400, gpu_w=[300], done=work(), checks=[OK], host="a", gain_u=0.03)
    second = run("b", package_w=100, gpu_w=[300], done=work(), checks=[OK], host="b", gain_u=0.03)
    found = compare(first, second)
    assert found.energy_ratio is not None
    assert found.energy_ratio.value == pytest.approx(720 / 420, rel=0.01)
    (narrow,) = found.second_lines
    assert "accelerators of the work alone" in narrow.label
    assert narrow.energy_ratio.low < 1.0 < narrow.energy_ratio.high
    keys = {effect.key for effect in narrow.energy_ratio.effects if effect.key}
    assert keys
    assert all("gpu.board" in key for key in keys)
    # neither a side without boards, nor a boundary of boards alone, has a narrower one
    assert compare(*pair()).second_lines == ()
    boards = [
        run(name, gpu_w=[300], done=work(), checks=[OK], host=name, boundary="device")
        for name in "cd"
    ]
    assert compare(*boards).second_lines == ()


def test_the_name_of_a_component_does_not_make_it_unused() -> None:
    """A part of a plugin may be called ".unused": whether it had a part in the work is a field."""
    name = f"fan{UNUSED}"
    node = run("a", done=work(), checks=[OK], host="a", power_factor=SCATTER)
    fan = msgspec.structs.replace(node.boundary.parts[0], component=name)
    repeats = [
        msgspec.structs.replace(repeat, components_j={**repeat.components_j, name: 1.0})
        for repeat in node.repeats
    ]
    with_fan = msgspec.structs.replace(
        node,
        boundary=msgspec.structs.replace(node.boundary, parts=(*node.boundary.parts, fan)),
        components_j={**node.components_j, name: exact(1.0)},
        repeats=tuple(repeats),
    )
    assert compare(with_fan, pair()[1]).second_lines == ()


def test_an_estimated_side_gives_no_energy_verdict() -> None:
    """No sensor: 'time x assumed power', and no verdict on energy."""
    a = run("cpu", quality="estimated", done=work(), host="a")
    from msgspec.structs import replace

    found = compare(replace(a, quality="estimated"), run("b", done=work(), host="b"))
    assert found.title == "time x assumed power"
    assert found.verdict is None
    assert "time-x-assumed-power" in codes(found)


def test_net_ratio_only_where_both_have_a_net_energy() -> None:
    """Gross is the headline; net is a second figure."""
    a = run("a", done=work(), host="a", idle_share=0.5)
    b = run("b", done=work(), host="b", idle_share=0.25, times_s=(5.0,) * 8)
    found = compare(a, b)
    assert found.net_energy_ratio is not None
    assert found.net_energy_ratio.value == pytest.approx((0.5 * 10) / (0.75 * 5), rel=0.01)
    assert compare(a, run("c", done=work(), host="b")).net_energy_ratio is None


@pytest.mark.parametrize(("n", "of"), [(1, 1), (1, 8), (8, 1)])
def test_a_single_repeat_on_a_side_gives_no_verdict(n: int, of: int) -> None:
    """However far apart the two are: their scatter is not known, which the verdict and a doubt say;
    the scatter of a repeated side stands for both in the interval.
    """
    times_s = [2 * factor for factor in SCATTER]
    a = run("a", package_w=400, times_s=times_s[:n], power_factor=SCATTER[:n])
    b = run("b", times_s=times_s[:of], power_factor=SCATTER[:of])
    found = compare(a, b)
    assert found.verdict == "inconclusive"
    assert not found.scatter_known
    assert "scatter-unknown" in codes(found)
    assert f"verdict: inconclusive: {SCATTER_UNKNOWN}" in comparison(found)
    assert found.energy_ratio is not None
    assumed = any(effect.kind == "assumed-scatter" for effect in found.energy_ratio.effects)
    assert assumed is (n != of)
    assert ("(scatter not known)" in comparison(found)) is not assumed


def test_two_repeats_on_either_side_give_a_verdict() -> None:
    """Two values a side are few, and their interval is wide; what lies outside it is decided."""
    a = run("a", package_w=400, times_s=(2.0,) * 2, power_factor=[1.0, 1.01])
    found = compare(a, run("b", times_s=(2.0,) * 2, power_factor=[1.0, 1.01]))
    assert found.verdict == "better"
    assert found.scatter_known


def test_a_part_of_a_repeat_and_a_run_without_repeats_are_refused_even_by_force() -> None:
    whole = run("whole")
    sides = [
        msgspec.structs.replace(run("other"), partial=True),
        msgspec.structs.replace(run("other"), repeats=()),
    ]
    for side, words in zip(
        sides, ("no repeat of other was measured", "other holds no repeat"), strict=True
    ):
        for force in (False, True):
            with pytest.raises(Refused, match=f"not comparable: {words}"):
                compare(whole, side, force=force)
            with pytest.raises(Refused, match=f"not comparable: {words}"):
                compare(side, whole, force=force)


@pytest.mark.parametrize(
    ("n", "of", "words"), [(1, 1, "both sides"), (1, 8, "alpha"), (8, 1, "beta")]
)
def test_the_side_with_a_single_repeat_is_named(n: int, of: int, words: str) -> None:
    """In the doubt, and in the sentence of a report."""
    times_s = [2 * factor for factor in SCATTER]
    alpha = run("alpha", times_s=times_s[:n], power_factor=SCATTER[:n])
    found = compare(alpha, run("beta", times_s=times_s[:of], power_factor=SCATTER[:of]))
    (doubt,) = [doubt for doubt in found.doubts if doubt.code == "scatter-unknown"]
    assert doubt.subject == ("" if words == "both sides" else words)
    assert answer(found, {}).verdict_words.endswith(f"measure several repeats of {words}.")
