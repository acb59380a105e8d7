"""Published claims beside intervals: agreement, contradiction, and intervals that are too wide."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from energybench.analysis.comparison.study_claims import against_claims
from energybench.model import (
    SCATTER_UNKNOWN,
    Cell,
    Estimate,
    Expectation,
    Published,
    StudyCell,
    StudyRatio,
    StudyRun,
    Variant,
)
from tests.reports.sample_cpu_node import cpu_node


def cell(key: str, low: float, value: float, high: float) -> StudyCell:
    made = Cell(
        key=key,
        at={},
        workload="w",
        size="smoke",
        step_amount=1.0,
        variants=(Variant(name="a", settings={}), Variant(name="b", settings={})),
    )
    speedup = Estimate(value=value, low=low, high=high)
    ratio = StudyRatio(
        variant="b",
        speedup=speedup,
        energy_ratio=None,
        energy_title="",
        memory_ratio=None,
        extra_memory_ratio=None,
        paired=None,
    )
    return StudyCell(cell=made, runs=(), ratios=(ratio,))


WIDE, SURE, OFF = (0.01, 2.0, 400.0), (1.95, 2.0, 2.05), (4.9, 5.0, 5.1)


@pytest.mark.parametrize(
    ("rule", "measured", "held"),
    [
        ("every", (SURE, SURE), "confirmed"),
        ("every", (SURE, WIDE), "not confirmed"),
        ("every", (WIDE, WIDE), "not testable here"),
        ("every", (WIDE, OFF), "not confirmed"),
        ("any", (WIDE, SURE), "confirmed"),
        ("any", (WIDE, WIDE), "not testable here"),
        ("any", (OFF, OFF), "not confirmed"),
    ],
)
def test_too_wide_to_tell_is_no_refutation(
    rule: Literal["every", "any"], measured: tuple[tuple[float, float, float], ...], held: str
) -> None:
    """Twice as fast, it is claimed. The deciding interval is shown whatever comes of it."""
    cells = [cell(str(i), *interval) for i, interval in enumerate(measured)]
    expects = tuple(
        Expectation(cell=str(i), variant="b", quantity="speedup", low=1.9, high=2.1)
        for i in range(len(cells))
    )
    claim = Published(
        name="twice",
        says="twice as fast",
        source="a saying",
        published_on="a bed",
        rule=rule,
        expects=expects,
    )
    (tested,) = against_claims([claim], cells, cpu_node().host, "cpu")
    assert tested.held == held
    assert tested.measured is not None
    assert ("every interval is too wide to tell" in tested.why) is (held == "not testable here")


@pytest.mark.parametrize("quantity", ["speedup", "time_s"])
def test_variants_that_ran_once_test_no_claim(quantity: Literal["speedup", "time_s"]) -> None:
    """Their interval holds no run-to-run scatter; the claim is not testable, for that reason."""
    (ratio,) = cell("0", *SURE).ratios
    ran_once = msgspec.structs.replace(
        cell("0", *SURE),
        ratios=(msgspec.structs.replace(ratio, scatter_known=False),),
        runs=(StudyRun(variant="b", state="measured", time_s=ratio.speedup, repeats=1),),
    )
    claim = Published(
        name="twice",
        says="twice as fast",
        source="a saying",
        published_on="a bed",
        rule="every",
        expects=(Expectation(cell="0", variant="b", quantity=quantity, low=1.9, high=2.1),),
    )
    (tested,) = against_claims([claim], [ran_once], cpu_node().host, "cpu")
    assert tested.held == "not testable here"
    assert SCATTER_UNKNOWN in tested.why
