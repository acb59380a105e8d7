"""Whether a test has a fixture that measures energy, and whether the test used the fixture.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

_FIXTURES = ("benchmark", "energy_benchmark")
_OURS = "energybench.pytest_plugin.override.EnergyFixture"
_OF_PYTEST_BENCHMARK = "pytest_benchmark.fixture.BenchmarkFixture"
_made = pytest.StashKey[bool]()


def fixture_made(item: pytest.Item) -> None:
    """Remember that a test has a fixture that measures energy: a test, or a fixture of a user, may
    ask for one by `request.getfixturevalue`, without naming it.
    """
    item.stash[_made] = True


def measures(item: pytest.Item) -> bool:
    """Whether a test names a fixture that measures energy, or has asked for one while it ran."""
    names: Sequence[str] = getattr(item, "fixturenames", ())
    return item.stash.get(_made, False) or any(name in names for name in _FIXTURES)


def unused(item: pytest.Item) -> str | None:
    """Why a passed test has no energy; None: the test has no fixture that measures energy, and no
    marker of the test function states a limit.
    """
    if measures(item):
        fixture = getattr(item, "funcargs", {}).get("benchmark")
        foreign = None if fixture is None else replaced(fixture)
        return foreign or "its fixture was not called, or the function that it called raised"
    # a marker of a class or of a module is meant only for the energy tests in the class or module
    own = (marker.kwargs.keys() for marker in item.own_markers if marker.name == "energy")
    if any({"max_j", "max_regression"} & words for words in own):
        return "the test has no fixture whose energy is measured: benchmark or energy_benchmark"
    return None


def replaced(fixture: Any) -> str | None:
    """Why a fixture `benchmark` is not measured: the fixture is not pytest-benchmark's. None: the
    fixture is pytest-benchmark's.
    """
    name = f"{type(fixture).__module__}.{type(fixture).__qualname__}"
    if name in (_OURS, _OF_PYTEST_BENCHMARK):
        return None
    return f"the fixture benchmark is {name}, not pytest-benchmark's"
