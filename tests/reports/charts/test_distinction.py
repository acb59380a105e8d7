"""Runs of a chart are told apart, also when they are more than the colours."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from energybench.model import Measurement
from energybench_reports.charts import distinction, energy
from tests.reports.sample_many import applications

altair = pytest.importorskip("altair")


@pytest.mark.parametrize(
    ("second", "most"), [(distinction.shapes, 36), (distinction.dashes, 24)], ids=["shape", "dash"]
)
def test_no_two_runs_look_alike(second: Callable[..., Any], most: int) -> None:
    """Colour and shape, or colour and dashes, are together those of one run alone."""
    names = [f"run {number}" for number in range(most)]
    scales = [make(altair, names).to_dict() for make in (distinction.colours, second)]
    looks = list(zip(*(scale["range"] for scale in scales), strict=True))
    assert [scale["domain"] for scale in scales] == [names, names]
    assert all(one != other for one, other in itertools.combinations(looks, 2))


def test_the_chart_of_repeats_distinguishes_its_runs() -> None:
    """Twelve runs have twelve marks, and a legend that is broken into lines."""
    runs = applications(20).of(Measurement)[:12]
    figure = energy.repeats(altair, runs, {run.id: run.label for run in runs})
    assert figure is not None
    (encoding,) = (
        layer["encoding"] for layer in figure.drawing["layer"] if "shape" in layer["encoding"]
    )
    looks = zip(*(encoding[name]["scale"]["range"] for name in ("color", "shape")), strict=True)
    assert len(set(looks)) == 12
    assert distinction.ROOM in encoding["color"]["legend"]["columns"]["expr"]
    assert encoding["color"]["legend"] == encoding["shape"]["legend"]


def test_a_wide_letter_has_the_room_of_two() -> None:
    """A legend of Chinese labels has fewer columns than one of as many Latin letters."""
    latin, chinese = (
        distinction.legend(altair, [letter * 20]).to_dict()["columns"]["expr"] for letter in "x计"
    )
    assert latin == "max(1, floor((room - 70) / 190))"
    assert chinese == "max(1, floor((room - 70) / 310))"
