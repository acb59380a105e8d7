"""Inputs of a scenario that a comparison measures."""

from __future__ import annotations

from typing import Any

import pytest

from energybench.analysis.uncertainty.effects import exact
from energybench.errors import BadInput
from energybench.model import Doubt, DoubtCode
from energybench.projecting.project import project
from energybench.projecting.scenario import (
    PublishedClaim,
    Results,
)
from tests.projecting.scenarios import codes, comparison, line, scenario, stated_input


def test_claims_with_a_comparison() -> None:
    """The scenario's reasons are about the scenario's inputs: with a measured input, they are not
    repeated.
    """
    plan = scenario(
        stated_input("r", 5, measured="energy_ratio"),
        stated_input("x", 1),
        claims=tuple(
            PublishedClaim(name=n, claimed=5, derived=n, why_fits="as published") for n in "rx"
        ),
    )
    assert project(plan).claims[0].why == "as published"
    projection = project(plan, [comparison()])
    assert (
        projection.claims[0].why
        == "tested against milc cpu → milc cuda: the derived interval contains the claim"
    )
    assert projection.claims[1].verdict == "contradicts"
    assert "claims-with-own-inputs" in codes(projection.doubts)


def test_a_comparison_replaces_measured_inputs() -> None:
    """Measured value, unit and source replace those of the scenario."""
    plan = scenario(
        stated_input("r", 2, measured="energy_ratio"),
        stated_input("p", None, "W", measured="power_candidate_w"),
        lines=[("a", "r * p", "W")],
    )
    projection = project(plan, [comparison()])
    ratio, power = projection.lines[0].inputs
    assert (ratio.value.value, power.value.value) == (5.0, 1440.0)
    assert (ratio.evidence, ratio.source) == ("measured", "milc cpu → milc cuda, boundary node-ac")
    assert projection.title == "S: milc cpu → milc cuda"
    assert line(projection.lines, "a").value.value == pytest.approx(7200)


def test_speedup_is_node_for_node() -> None:
    """Eight baseline nodes against two candidate nodes: the speedup of a node is four times the
    speedup of the job.
    """
    plan = scenario(stated_input("s", None, measured="speedup"), lines=[("a", "s")])
    assert project(plan, [comparison(speedup=3.0, nodes=(8, 2))]).lines[
        0
    ].value.value == pytest.approx(12.0)


def test_without_its_comparison() -> None:
    """A missing comparison is asked for; a scenario without measured inputs takes no comparison."""
    with pytest.raises(
        BadInput,
        match=r"inputs\.s: comes from a comparison, and no comparison was given \(energybench",
    ):
        project(scenario(stated_input("s", None, measured="speedup"), lines=[("a", "s")]))
    with pytest.raises(BadInput, match="takes no comparison"):
        project(scenario(stated_input("s", 1), lines=[("a", "s")]), [comparison()])
    with pytest.raises(BadInput, match="the comparison has no idle_power_baseline_w"):
        project(
            scenario(
                stated_input("i", None, "W", measured="idle_power_baseline_w"), lines=[("a", "i")]
            ),
            [comparison(idle_w=(None, None))],
        )


def test_fallback_is_a_doubt() -> None:
    """An idle power that the comparison lacks comes from the scenario, with a doubt."""
    projection = project(
        scenario(stated_input("i", 150, "W", measured="idle_power_baseline_w"), lines=[("a", "i")]),
        [comparison(idle_w=(None, 1.0))],
    )
    assert projection.lines[0].value.value == 150
    assert "comparison-incomplete" in codes(projection.doubts)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "time x assumed power", "quality": "mixed"},
        {"quality": "estimated"},
        {"quality": None},
    ],
)
def test_estimated_sides(changes: dict[str, Any]) -> None:
    """For a side without sensor, title, source and a doubt say: time x assumed power."""
    projection = project(
        scenario(stated_input("r", None, measured="energy_ratio"), lines=[("a", "r")]),
        [comparison(**changes)],
    )
    assert "(time x assumed power)" in projection.title
    assert "time-x-assumed-power" in codes(projection.doubts)
    assert projection.lines[0].inputs[0].source.startswith("time x assumed power: ")


def test_a_partly_estimated_side_is_not_called_measured() -> None:
    """Inputs and headline of the projection say which component stands on a model."""
    doubt = Doubt(code="estimated-cpu", message="a model", remedy="RAPL", subject="cpu.package")
    plan = scenario(stated_input("r", None, measured="energy_ratio"), lines=[("a", "r")])
    projection = project(plan, [comparison(quality="mixed", doubts=(doubt,))])
    assert projection.lines[0].inputs[0].evidence == "partly-estimated"
    assert "partly estimated: cpu.package" in [stamp.words for stamp in projection.stamps]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (None, "measured values"),
        ("replayed", "values of a recording, not measured here"),
        ("estimated-cpu", "partly estimated values"),
    ],
)
def test_claims_are_tested_against_what_the_comparison_is(
    code: DoubtCode | None, words: str
) -> None:
    """A replay and a model are not called measured values."""
    doubts = (Doubt(code=code, message="m", remedy="r"),) if code else ()
    plan = scenario(
        stated_input("r", 5, measured="energy_ratio"),
        claims=(PublishedClaim(name="r", claimed=5, derived="r"),),
    )
    projection = project(plan, [comparison(quality="mixed", doubts=doubts)])
    (doubt,) = [one for one in projection.doubts if one.code == "claims-with-own-inputs"]
    assert doubt.message.endswith(f"tested against {words}")
    assert projection.replayed == (code == "replayed")


def test_doubts_are_carried_once() -> None:
    """Doubts of the comparisons are carried over, with their application if there are several."""
    doubt = Doubt(code="one-node", message="these nodes", remedy="more nodes")
    plan = scenario(stated_input("r", None, measured="energy_ratio"), lines=[("a", "r")])
    assert doubt in project(plan, [comparison(doubts=(doubt, doubt))]).doubts
    several = project(
        plan, [comparison(doubts=(doubt,)), comparison("sdpa", doubts=(doubt,))]
    ).doubts
    assert [d.message for d in several if d.code == "one-node"] == [
        "milc cpu → milc cuda: these nodes",
        "sdpa cpu → sdpa cuda: these nodes",
    ]


@pytest.mark.parametrize("code", ["forced-work", "forced-verification", "forced-boundary"])
def test_a_comparison_by_force_stamps_its_projection(code: DoubtCode) -> None:
    doubt = Doubt(code=code, message="compared all the same", remedy="compare the same work")
    plan = scenario(stated_input("r", None, measured="energy_ratio"), lines=[("a", "r")])
    stamps = {stamp.code for stamp in project(plan, [comparison(doubts=(doubt,))]).stamps}
    assert "forced" in stamps
    assert "forced" not in {stamp.code for stamp in project(plan, [comparison()]).stamps}


def test_inconsistent_comparison() -> None:
    """An energy ratio that contradicts speedup and powers is a doubt."""
    plan = scenario(stated_input("r", None, measured="energy_ratio"), lines=[("a", "r")])
    assert "ratio-inconsistent" in codes(
        project(plan, [comparison(energy_ratio=exact(7.0))]).doubts
    )
    assert "ratio-inconsistent" not in codes(project(plan, [comparison()]).doubts)


def test_a_comparison_of_single_repeats_shows_no_saving() -> None:
    """The interval lacks the run-to-run scatter, however far from 0 it lies."""
    for known in (True, False):
        projection = project(
            scenario(
                stated_input("x", None, measured="energy_ratio"),
                lines=[("e", "x - 1", "MWh")],
                results=Results(saved_mwh_per_month="e"),
            ),
            [comparison(scatter_known=known)],
        )
        assert ("saving-not-shown" in codes(projection.doubts)) is not known
