"""Checks and times of day in a run.json that cannot be."""

from __future__ import annotations

import msgspec
import pytest

from energybench.errors import BadInput
from energybench.model import Measurement, Verification
from energybench.store import contradictions
from tests.analysis.runs import run


def made() -> Measurement:
    return run("a")


def of_checks(result: Measurement, *checks: Verification) -> Measurement:
    return msgspec.structs.replace(result, verification=checks)


def check(value: float | None, tolerance: float, *, passed: bool) -> Verification:
    return Verification(quantity="residual", value=value, tolerance=tolerance, passed=passed)


@pytest.mark.parametrize(
    ("value", "tolerance"), [(3.0, 0.0), (1.0, 1e-6), (None, 1.0), (1e-9, 0.0)]
)
def test_a_check_that_passed_beyond_its_tolerance(value: float | None, tolerance: float) -> None:
    changed = of_checks(made(), check(0.0, 0.0, passed=True), check(value, tolerance, passed=True))
    with pytest.raises(BadInput, match=r"run.json: verification\[1\]"):
        contradictions.refuse(changed, "run.json")


@pytest.mark.parametrize(
    "stated",
    [
        check(0.0, 0.0, passed=True),
        check(1e-7, 1e-6, passed=True),
        check(-0.1, 0.0, passed=True),
        check(3.0, 0.0, passed=False),
        check(None, 1.0, passed=False),
        check(0.0, 0.0, passed=False),
    ],
)
def test_checks_that_can_be(stated: Verification) -> None:
    """A check may fail for another reason than its value, and pass far below its tolerance."""
    contradictions.refuse(of_checks(made(), stated), "run.json")


@pytest.mark.parametrize(
    "stated", ["2026-12-01T12:59:04.967+00:00z", "2026-12-01T12:59:04", "soon", "", "2026-13-01Z"]
)
def test_times_of_day_that_are_none(stated: str) -> None:
    result = made()
    host = msgspec.structs.replace(result.host, started_utc=stated)
    with pytest.raises(BadInput, match=r"host.started_utc"):
        contradictions.refuse(msgspec.structs.replace(result, host=host), "run.json")
    with pytest.raises(BadInput, match=r"hosts\[0\].started_utc"):
        contradictions.refuse(msgspec.structs.replace(result, hosts=(host,)), "run.json")


@pytest.mark.parametrize("stated", ["2026-12-01T12:59:04.967+00:00", "2026-12-01T12:59:04Z", None])
def test_times_of_day(stated: str | None) -> None:
    result = made()
    host = msgspec.structs.replace(result.host, started_utc=stated)
    contradictions.refuse(msgspec.structs.replace(result, host=host), "run.json")
