"""Windows of one launch's nodes: which of them cannot be of the same launch."""

from __future__ import annotations

import pytest

from energybench.store.window_overlap import Span, windows_apart


def apart(first: str | None = None, **spans: tuple[float, float]) -> dict[str, float]:
    """Seconds by which each node that does not fit begins later."""
    found = windows_apart({name: Span(*span) for name, span in spans.items()}, first)
    return {name: each.later_s for name, each in found.items()}


@pytest.mark.parametrize("later_s", [3.0, -3.0, 60.0, 3600.0, -86400.0])
def test_a_clock_that_differs_is_named_with_its_distance(later_s: float) -> None:
    assert apart("a", a=(0.0, 4.0), b=(later_s, later_s + 4.0)) == {"b": later_s}


@pytest.mark.parametrize("later_s", [0.0, 0.5, -1.5])
def test_nodes_start_some_seconds_apart(later_s: float) -> None:
    assert apart(a=(0.0, 4.0), b=(later_s, later_s + 4.0)) == {}


def test_short_programs_need_not_overlap() -> None:
    """Two nodes whose ranks ran for a tenth of a second, one second apart."""
    assert apart(a=(0.0, 0.1), b=(1.0, 1.1)) == {}


def test_a_node_may_end_early_or_start_late() -> None:
    """The window of a node that ends early, or starts late, lies inside those of the others."""
    assert apart(a=(0.0, 600.0), b=(0.5, 20.0), c=(300.0, 590.0)) == {}


def test_the_same_window_on_another_clock_is_known_by_both_ends() -> None:
    """Ten hours on both nodes, the second one an hour later: they overlap for nine hours."""
    assert apart("a", a=(0.0, 36000.0), b=(3600.0, 39601.0)) == {"b": 3600.0}
    assert apart("a", a=(0.0, 36000.0), b=(3600.0, 36001.0)) == {}


def test_the_most_nodes_count_and_of_two_the_first() -> None:
    windows = {"a": (3600.0, 3604.0), "b": (0.0, 4.0), "c": (0.1, 4.1)}
    assert apart("a", **windows) == {"a": pytest.approx(3600.0)}
    assert list(apart("a", a=(0.0, 4.0), b=(50.0, 54.0))) == ["b"]
    assert list(apart("b", a=(0.0, 4.0), b=(50.0, 54.0))) == ["a"]
    assert apart(a=(0.0, 4.0)) == apart() == {}
