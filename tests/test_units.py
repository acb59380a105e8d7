"""Numbers as a person reads them."""

from __future__ import annotations

import pytest

from energybench.units import show_stated


@pytest.mark.parametrize(
    ("stated", "unit", "text"),
    [
        ((428, 373, 483), "W", "428 W [373, 483]"),
        ((0.10, 0.0660, 0.1864), "USD/kWh", "0.1 USD/kWh [0.066, 0.1864]"),
        ((1500, 1100, 1880), "W", "1.5 kW [1.1, 1.88]"),
        ((1.4e6, 1.35e6, 1.45e6), "", "1 400 000 [1 350 000, 1 450 000]"),
        ((0, -1, 1.5), "", "0 [-1, 1.5]"),
        ((1e-20, 0, 2e-20), "", "1e-20 [0, 2e-20]"),
    ],
)
def test_a_stated_range_keeps_its_digits(
    stated: tuple[float, float, float], unit: str, text: str
) -> None:
    """A stated range is printed with the digits that its author wrote."""
    assert show_stated(*stated, unit).replace("\u202f", " ") == text
