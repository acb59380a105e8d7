"""JSON by the contract, for any other program."""

from __future__ import annotations

import json

import msgspec
import pytest

from energybench.model import Comparison, Document, Measurement, Projection, Study
from energybench_reports.json_report import Json
from tests.reports.samples import SAMPLES


@pytest.mark.parametrize("sample", SAMPLES)
def test_gives_back_the_same_results(sample: str) -> None:
    """What was written is read again as equal nouns, hostile text included."""
    document = SAMPLES[sample]()
    held = json.loads(Json().render(document))
    results = [held] if len(document.results) == 1 else held["results"]
    kinds = {
        "measurement": Measurement,
        "comparison": Comparison,
        "projection": Projection,
        "study": Study,
    }
    assert (
        tuple(msgspec.convert(result, kinds[result["kind"]]) for result in results)
        == document.results
    )


def test_one_result_is_itself() -> None:
    """A single result is the document: nothing stands around it."""
    assert json.loads(Json().render(SAMPLES["claims"]()))["kind"] == "projection"


def test_several_stand_in_one_document() -> None:
    """Several results, or none, keep their order, title and notes."""
    held = json.loads(Json().render(SAMPLES["comparison"]()))
    assert (held["schema"], held["kind"], len(held["notes"])) == ("energybench/1", "document", 2)
    assert [result["kind"] for result in held["results"]] == [
        "measurement",
        "measurement",
        "comparison",
        "projection",
    ]
    assert json.loads(Json().render(Document(title="t", results=())))["results"] == []
