"""The marker `energy` of tests: limits and a group. A marker that cannot be read costs the test
nothing but its gate, and is a fault of the session.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from energybench.pytest_plugin.options import percent
from energybench.pytest_plugin.record import short

# Name of the fault of a test's marker in reports.
_FAULT = "energybench_marker_fault"
_WORDS = ("max_j", "max_regression", "group")
_limits = pytest.StashKey["Limits"]()


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The values that the marker `energy` of a test states; None: not stated.

    fault  why a marker of the test cannot be read, the test is then not judged; None: no fault
    owner  node id of the test, class or module with that marker, without parameters
    """

    max_j: float | None = None
    max_regression: float | None = None
    group: str | None = None
    fault: str | None = None
    owner: str = ""


def limits(item: pytest.Item) -> Limits:
    """The limits from the markers of a test, its class and its module. A keyword has the value of
    the nearest marker with the keyword.
    """
    stated: dict[str, tuple[str, Any]] = {}  # by keyword: owner of the marker, value
    for node, marker in item.iter_markers_with_node("energy"):  # the nearest first
        owner = _without_parameters(node)
        if marker.args:
            fault = "@pytest.mark.energy takes keywords only, such as max_j=2.5"
            return Limits(fault=fault, owner=owner)
        stated = {**{word: (owner, value) for word, value in marker.kwargs.items()}, **stated}
    values: dict[str, Any] = {}
    for word, (owner, value) in stated.items():
        try:
            values[word] = _read(word, value)
        except ValueError as error:
            return Limits(fault=short(str(error)), owner=owner)
        except Exception as error:  # the text of a value is made by foreign code
            fault = f"@pytest.mark.energy({short(word)}=…): {type(error).__name__}: {error}"
            return Limits(fault=short(fault), owner=owner)
    return Limits(**values)


def _without_parameters(node: Any) -> str:
    """The node id, which the cases of a parametrised test have in common."""
    name = getattr(node, "originalname", None)
    return f"{node.nodeid.removesuffix(node.name)}{name}" if name else str(node.nodeid)


def read_limits(item: pytest.Item) -> None:
    """Read the markers of a test, before the test."""
    item.stash[_limits] = limits(item)


def limits_of(item: pytest.Item) -> Limits:
    """The limits as they were before the test."""
    return item.stash.get(_limits, Limits())


@dataclass(kw_only=True, slots=True)
class MarkerFaults:
    """The markers of a session that cannot be read, each with its tests."""

    _tests: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)

    def log(self, report: pytest.TestReport) -> None:
        """Take the fault of a report, which a worker may have sent."""
        fault: Sequence[str] | None = getattr(report, _FAULT, None)
        if fault is not None:
            owner, words = fault
            self._tests.setdefault((owner, words), {})[report.nodeid] = None

    def lines(self) -> dict[str, str]:
        """A line for every marker, by the first test with the marker."""
        lines: dict[str, str] = {}
        for (_, words), tests in self._tests.items():
            first, *others = tests
            more = f" (and {len(others)} more with this marker)" if others else ""
            lines[first] = f"{short(first)}{more}: {words}; the gate of the marker is not judged"
        return lines


def stamp_fault(item: pytest.Item, report: pytest.TestReport) -> None:
    """Write the fault of the test's marker into a report."""
    stated = limits_of(item)
    if stated.fault is not None:
        setattr(report, _FAULT, [stated.owner, stated.fault])


def _read(word: str, value: Any) -> float | str | None:
    """The value of a keyword. Raises ValueError with a message of one line."""
    if word == "max_j":
        return _joules(value)
    if word == "max_regression":
        return _regression(value)
    if word == "group":
        return None if value is None else str(value)
    known = ", ".join(_WORDS)
    raise ValueError(f"@pytest.mark.energy({word}=…): unknown keyword; {known} are known")


def _joules(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e15:
        raise ValueError(
            f"@pytest.mark.energy(max_j={value!r}): not an energy; a number in J without a unit, "
            "such as max_j=2.5"
        )
    return float(value)


def _regression(value: Any) -> float | None:
    if value is None:
        return None
    try:
        return percent(value if isinstance(value, str) else repr(value))
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"@pytest.mark.energy(max_regression={value!r}): {error}") from None
