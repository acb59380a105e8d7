"""Thresholds as a person writes them."""

from __future__ import annotations

import pytest

from energybench.errors import BadInput
from energybench.gating.threshold import threshold_rel


@pytest.mark.parametrize(
    ("stated", "rel"), [("5%", 0.05), (" 2.5 % ", 0.025), (".5%", 0.005), ("100%", 1.0)]
)
def test_percentages(stated: str, rel: float) -> None:
    assert threshold_rel(stated) == pytest.approx(rel)


@pytest.mark.parametrize(
    "stated",
    [
        "5",
        "0.05",
        "-5%",
        "0%",
        "0.0%",
        "101%",
        "1e3%",
        "nan%",
        "inf%",
        "%",
        "",
        "5%%",
        "mean:5%",
        "٥%",
    ],
)
def test_other_texts_are_refused_in_one_line(stated: str) -> None:
    with pytest.raises(BadInput) as refusal:
        threshold_rel(stated, "--energy-fail")
    assert str(refusal.value).startswith("--energy-fail: ")
    assert "\n" not in str(refusal.value)
    assert "5%" in refusal.value.remedy
