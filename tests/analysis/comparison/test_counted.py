"""Energies that may not be those of the nodes have no verdict."""

from __future__ import annotations

import msgspec
import pytest

from energybench.analysis.comparison.compare import compare
from energybench.cli.summary import comparison
from energybench.model import Doubt, DoubtCode, Measurement
from tests.analysis.runs import run

SCATTER = [1, 1.01, 0.99, 1.02, 0.98, 1, 1.01, 0.99]


def node(name: str, boards: int, host: str = "node") -> Measurement:
    return run(name, gpu_w=[300.0] * boards, power_factor=SCATTER, host=host)


@pytest.mark.parametrize(("first", "second"), [(4, 2), (1, 0), (0, 3)])
def test_a_machine_whose_boards_a_side_did_not_see(first: int, second: int) -> None:
    """Hidden boards drew power all the same, whichever side saw them."""
    found = compare(node("before", first), node("after", second))
    assert found.verdict is None
    assert not found.counted_once
    [doubt] = [doubt for doubt in found.doubts if doubt.code == "boards-differ"]
    assert f"{first} and {second} accelerators" in doubt.message
    assert "boards or feeds" in comparison(found)


def test_two_machines_may_have_other_numbers_of_boards() -> None:
    found = compare(node("cpu", 0, "a"), node("gpu", 4, "b"))
    assert found.verdict == "worse"
    assert "boards-differ" not in {doubt.code for doubt in found.doubts}


@pytest.mark.parametrize(
    "code",
    [
        "power-implausible",
        "meter-interleaved",
        "meter-one-feed",
        "meter-outliers",
        "meter-slope",
        "meter-spike",
        "shared-node",
    ],
)
@pytest.mark.parametrize("doubted", [0, 1])
def test_a_doubt_on_what_was_counted_leaves_no_verdict(code: DoubtCode, doubted: int) -> None:
    sides = [node("before", 2), node("after", 2)]
    doubt = Doubt(code=code, message="m", remedy="r")
    side = sides[doubted]
    sides[doubted] = msgspec.structs.replace(side, doubts=(*side.doubts, doubt))
    assert compare(*sides).verdict is None


@pytest.mark.parametrize(
    "code",
    ["power-saturated", "counter-power-disagree", "sensor-lost", "part-missing", "in-step-unseen"],
)
def test_a_doubt_whose_effect_is_inside_the_interval_leaves_the_verdict(code: DoubtCode) -> None:
    sides = [node("before", 2), node("after", 2)]
    doubt = Doubt(code=code, message="m", remedy="r")
    without = compare(*sides).verdict
    sides[1] = msgspec.structs.replace(sides[1], doubts=(*sides[1].doubts, doubt))
    assert without is not None
    assert compare(*sides).verdict == without
