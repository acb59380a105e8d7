"""JSON by the contract, for programs."""

from __future__ import annotations

import json

import msgspec
import pytest

from energybench.model import Comparison, Document, Measurement, Projection, Study
from energybench_reports.json_report import Json
from tests.reports.samples import SAMPLES


@pytest.mark.parametrize("sample", SAMPLES)
def test_gives_back_the_same_results(sample: str) -> None:
    """The written document is read back as equal results, hostile text included."""
    document = SAMPLES[sample]()
    content = json.loads(Json().render(document))
    results = [content] if len(document.results) == 1 else content["results"]
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
    """Several results keep order, title and notes; a document without results too."""
    content = json.loads(Json().render(SAMPLES["comparison"]()))
    assert (content["schema"], content["kind"], len(content["notes"])) == (
        "energybench/1",
        "document",
        2,
    )
    assert [result["kind"] for result in content["results"]] == [
        "measurement",
        "measurement",
        "comparison",
        "projection",
    ]
    assert json.loads(Json().render(Document(title="t", results=())))["results"] == []
