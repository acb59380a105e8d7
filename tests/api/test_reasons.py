"""A result without an energy names its own reason, and no other doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from energybench.api.results import Result
from energybench.model import Doubt, DoubtCode
from tests.analysis.runs import run
from tests.api.callers import Node


def test_a_region_names_its_own_reason(machine: Node) -> None:
    """A block inside that an exception left, and one that ended outside; a short one has limits."""
    caller = machine.run(
        """
        left, outside = energybench.measure("left"), energybench.measure("outside")
        with energybench.measure("outer", **OPTIONS) as outer:
            try:
                with left:
                    1 / 0
            except ZeroDivisionError:
                pass
            for seconds in (0.3, 0.0):
                with energybench.measure("step") as step:
                    spend(seconds)
            outside.__enter__()
            spend(0.2)
        outside.__exit__(None, None, None)
        print(left)
        print(outside)
        print(step.energy_j.low <= 80 * 0.15 <= step.energy_j.high, step)
        """
    )
    assert caller.code == 0, caller.error
    left, outside, step = caller.out.splitlines()
    assert "'left' inside 'outer' was left before its end" in left
    assert "'outside' began inside 'outer' and ended outside" in outside
    assert step.startswith("True <energybench 'step': ")


@pytest.mark.parametrize("code", ["sensor-lost", "not-measured", "region-cut"])
def test_doubts_about_something_else_are_no_reason(code: DoubtCode) -> None:
    """Neither a single repeat nor another region that was cut is a reason."""

    def doubt(code: DoubtCode, message: str, subject: str = "") -> Doubt:
        return Doubt(code=code, message=message, remedy="none", subject=subject)

    whole = Result(
        "outer",
        None,
        (
            doubt("single-repeat", "one repeat"),
            doubt("region-cut", "another one", "another"),
            doubt(code, "the reason", "x" if code == "region-cut" else ""),
        ),
        Path(),
    )
    assert "not measured: the reason>" in repr(Result.region("x", "outer", whole, None))
    few = Result("outer", None, whole.doubts[:2], Path())
    assert "no sensor gave a reading" in repr(Result.region("x", "outer", few, None))


def test_a_region_of_an_open_block_names_no_doubt_about_that(tmp_path: Path) -> None:
    """The latest reading may lie before the region: it is read after the end."""
    whole = run("outer", times_s=(10.0,))
    assert whole.doubts
    open_result = Result("outer", whole, whole.doubts)
    region = Result.region("inner", "outer", open_result, None)
    assert "outermost block 'outer' is open" in repr(region)
    ended = Result.region("inner", "outer", Result("outer", whole, whole.doubts, tmp_path), None)
    assert "no sensor gave a reading" in repr(ended)
