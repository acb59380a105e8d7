"""Quality and verdict of a replay: no format calls them measured; JSON has a field beside them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import msgspec
import pytest

from energybench.cli import projection_text, summary
from energybench.model import (
    Comparison,
    Document,
    Doubt,
    Measurement,
    quality_words,
    verdict_words,
)
from energybench_reports.boamps import BoAmps
from energybench_reports.codecarbon_report import CodeCarbon
from energybench_reports.csv_report import Csv
from energybench_reports.json_report import Json
from energybench_reports.openmetrics import OpenMetrics
from energybench_reports.view import claims, run_headline
from energybench_reports.view import measurement as runs
from energybench_reports.view.node_power import node_power
from energybench_reports.view.projection import answer
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.sample_gpu_node import gpu_node
from tests.reports.sample_pair import compared
from tests.reports.sample_published import claims_2023

REPLAYED = Doubt(code="replayed", message="m", remedy="r")


def recorded(run: Measurement) -> Measurement:
    parts = tuple(part for part in run.boundary.parts if part.state == "measured")
    boundary = msgspec.structs.replace(run.boundary, parts=parts)
    return msgspec.structs.replace(run, boundary=boundary, quality="measured", doubts=(REPLAYED,))


def pair() -> Comparison:
    sample = compared(recorded(cpu_node()), recorded(gpu_node()))
    doubts = (REPLAYED.carried_from("CPU node"), REPLAYED.carried_from("GPU node"))
    return msgspec.structs.replace(sample, doubts=doubts)


def document(*results: Any) -> Document:
    return Document(title="t", results=results)


def rows_of(*results: Any) -> list[dict[str, str]]:
    page = Csv().render(document(*results)).decode()
    return list(csv.DictReader(io.StringIO(page)))


def test_words() -> None:
    assert quality_words("measured", replayed=True) == "replayed"
    assert quality_words("mixed", replayed=True) == "mixed, replayed"
    assert quality_words("measured", replayed=False) == "measured"
    assert quality_words(None, replayed=True) == ""
    assert verdict_words("", replayed=True) == ""


def test_no_view_calls_a_replay_measured() -> None:
    """Headline, parts, row of the overview, and the cell of the quality."""
    run = recorded(gpu_node())
    headline = run_headline.answer(run, "label")
    assert headline.line.endswith("quality: replayed")
    assert "all replayed" in headline.sentence
    cells = [cell.line for cell in runs.overview_row(run, "")]
    assert not any("measured" in cell for cell in cells), cells
    table = runs.side_by_side([run], {run.id: "label"}).tables[0]
    quality = table.rows[0][table.head.index("quality")]
    assert quality.text == "replayed"
    assert node_power(document(pair())).head[1] == "replayed"


def test_no_row_of_a_table_calls_a_replay_measured() -> None:
    """Every quality, also that of times and components; the verdict as in every other format."""
    rows = rows_of(recorded(gpu_node()), pair())
    assert {row["quality"] for row in rows if "measured" in row["quality"]} == set()
    ratio = next(row for row in rows if row["quantity"] == "energy_ratio")
    assert ratio["verdict"] == "better, of a recording"
    samples = OpenMetrics().render(document(recorded(gpu_node()), pair())).decode()
    assert 'quality="measured"' not in samples
    assert 'quality="replayed"' in samples


def test_exports_do_not_call_a_replay_measured() -> None:
    run = recorded(gpu_node())
    intervals = CodeCarbon().render(document(run))["intervals.csv"].decode()
    assert ",measured," not in intervals
    (report,) = BoAmps().render(document(run)).values()
    assert json.loads(report)["energybench"]["quality"] == "replayed"


@pytest.mark.parametrize("make", [lambda: recorded(gpu_node()), pair])
def test_json_has_a_field_beside_quality_and_verdict(make: Any) -> None:
    """The field follows from the doubts, whatever a file states."""
    result = make()
    content = json.loads(Json().render(document(result)))
    assert content["replayed"] is True
    stated = msgspec.convert({**content, "replayed": False}, type(result))
    assert stated.replayed is True
    assert msgspec.structs.replace(result, doubts=()).replayed is False


def test_claims_tested_against_a_recording_say_so() -> None:
    """In table, score, rows and terminal, and without the colour of a confirmed claim. A claim that
    has only its own inputs is not of the recording.
    """
    claim = claims_2023()
    tested = tuple(msgspec.structs.replace(one, tested="a → b") for one in claim.claims[1:])
    projection = msgspec.structs.replace(
        claim, claims=(claim.claims[0], *tested), doubts=(*claim.doubts, REPLAYED)
    )
    assert projection.replayed
    table = claims.table(projection, "t")
    own = 1 + len(claim.claims[0].by_mean)
    verdicts = [row[3] for row in table.rows]
    assert not any("recording" in cell.text for cell in verdicts[:own])
    assert all(cell.text.endswith(", of a recording") for cell in verdicts[own:])
    assert all(cell.tone in ("warn", "bad") for cell in verdicts[own:])
    assert "tested against a recording" in answer(projection).line
    rows = [row for row in rows_of(projection) if row["quantity"] == "claim_derived"]
    assert sum("of a recording" in row["verdict"] for row in rows) == len(verdicts) - own
    printed = projection_text.text(projection)
    assert printed.count(", of a recording") == len(tested)
    assert summary.claim_verdict(claim.claims[1], replayed=False) in printed
