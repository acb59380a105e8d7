"""What a submission states and attaches beside the four aspects: met, not met, or where it is
stated.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from energybench.grading.rule_books import grade
from energybench.model import Aspect, Boundary, Gpu, Grade, Host, Part
from tests.grading.test_rule_books import book, check, metered


def statements(graded: Grade) -> Aspect:
    return next(
        entry
        for entry in book(graded, "EE HPC WG").aspects
        if entry.name == "statements with a submission"
    )


def test_the_edition_is_named_with_the_working_copy_beside_it() -> None:
    """The released edition is graded; a later one exists, and is not the one that was graded."""
    graded = book(grade(metered()), "EE HPC WG")
    assert "2.0 RC 1.0" in graded.edition
    assert any("Version 3.0" in note and "working copy" in note for note in graded.notes)


def test_statements_of_a_submission_change_no_level() -> None:
    """None of them belongs to a level, and the level is that of the four aspects."""
    worst = grade(metered(seconds=30.0, boundary="compute"), machine_nodes=1000)
    assert statements(worst).result != "pass"
    assert statements(worst).level == ""
    assert book(worst, "EE HPC WG").gives == "no level"


def test_a_statement_that_is_open_names_where_it_is_made() -> None:
    """Whatever energybench cannot judge: the finding names the field or the option."""
    parted = metered(nodes=2, idle_power_w=None)
    for entry in statements(grade(parted)).checks:
        if entry.result == "unknown":
            assert "publication" in entry.found, entry
    assert "--idle" in check(statements(grade(parted)), "averages of equal length").found


def test_the_choice_of_nodes_and_the_factor() -> None:
    """A whole machine is no choice; a fraction has its factor, and nobody knows how it was
    chosen.
    """
    for nodes, machine, chosen, factor in (
        (4, 4, "pass", "1: 4 / 4"),
        (4, 40, "unknown", "10: 40 / 4"),
        (4, None, "unknown", "the machine's size is not known"),
    ):
        entry = statements(grade(metered(nodes=nodes), machine))
        assert check(entry, "at random").result == chosen
        assert check(entry, "factor").found.startswith(factor)


def test_an_interconnect_is_measured_or_stated() -> None:
    """Work on one node uses none; without a switch in the boundary, a publication may state its
    maximum, which is in no measurement.
    """
    alone = check(statements(grade(metered())), "interconnect")
    assert alone.result == "pass"
    parted = check(statements(grade(metered(nodes=2))), "interconnect")
    assert parted.result == "unknown"
    assert "[[unmetered]]" in parted.found
    switch = Part(component="network.switch", device="s", state="measured")
    parts = (*metered().boundary.parts, switch)
    metered_switch = metered(nodes=2)
    with_switch = msgspec.structs.replace(
        metered_switch, boundary=Boundary(name="node-ac", parts=parts)
    )
    assert check(statements(grade(with_switch)), "interconnect").result == "pass"


def test_changed_power_limits_stand_beside_their_defaults() -> None:
    gpu = Gpu(uuid="g", name="A100", power_limit_w=300.0, power_limit_default_w=400.0)
    found = check(statements(grade(metered(host=Host(name="n1", gpus=(gpu,))))), "tunable").found
    assert "power limit 300 W of A100, default 400 W" in found


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({}, "pass"),
        ({"seconds": 4.0}, "fail"),  # eight readings
        ({"idle_power_w": None}, "fail"),
        ({"partial": True}, "fail"),
        ({"quality": "estimated"}, "fail"),
    ],
)
def test_series_of_a_submission(changes: dict[str, Any], result: str) -> None:
    assert check(statements(grade(metered(**changes))), "averages").result == result


def test_scoring_and_files_of_mlperf_training() -> None:
    """Too few repeats leave no Olympic score; otherwise nobody knows which runs are scored. A
    failed aspect decides, whatever is unknown beside it.
    """
    several = book(grade(metered()), "MLPerf® Training power")
    (entry,) = [one for one in several.aspects if one.name == "files and scoring"]
    assert {one.result for one in entry.checks} == {"unknown"}
    assert "mean of all 3 repeats" in check(entry, "Olympic").found
    few = book(grade(metered(repeats=metered().repeats[:2])), "MLPerf® Training power")
    assert few.gives == "does not conform"
    inference = book(grade(metered(boundary="compute")), "MLPerf® Inference power")
    assert inference.gives == "does not conform"


def test_every_demand_of_the_inference_workflow_is_named() -> None:
    (proof,) = [
        one
        for one in book(grade(metered()), "MLPerf® Inference power").aspects
        if one.name == "proof"
    ]
    for words in ("ranging run", "analyzer_table", "power_settings", "200 ms", "checker"):
        assert check(proof, words).result == "unknown"
