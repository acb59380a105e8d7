"""Labels of axes are round and few."""

from __future__ import annotations

import pytest

from energybench_reports.charts.ticks import logarithmic, of_time


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.3, 30.0, [0.5, 1, 2, 5, 10, 20]),
        (1.0, 1000.0, [1, 10, 100, 1000]),
        (0.02, 200000.0, [0.1, 1, 10, 100, 1000, 10000, 100000]),
        (3.0, 4.0, []),
    ],
)
def test_logarithmic(low: float, high: float, labels: list[float]) -> None:
    assert logarithmic(low, high) == labels


def test_time_is_in_a_unit_of_its_length() -> None:
    assert of_time(130.0) == (1.0, "seconds")
    assert of_time(1000.0) == (60.0, "minutes")
    assert of_time(86_400.0) == (3600.0, "hours")
