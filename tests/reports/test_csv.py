"""CSV: the shape of RFC 4180, cells that no spreadsheet obeys, and numbers as they are in JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energybench.model import Document, Estimate
from energybench_reports.csv_report import Csv, text_cell
from energybench_reports.json_report import Json
from energybench_reports.tables.row import COLUMNS
from tests.reports.foreign import LABELS, labelled
from tests.reports.sample_cpu_node import cpu_node
from tests.reports.samples import SAMPLES

NUMBERS = ("value", "low", "high", "confidence")


def parsed(document: Document) -> list[dict[str, str]]:
    """The rows of a rendered document, read back by the csv module."""
    text = Csv().render(document).decode("utf-8")
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert tuple(rows[0]) == COLUMNS
    assert {len(row) for row in rows} == {len(COLUMNS)}
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows[1:]]


def estimates(content: Any) -> Iterator[tuple[float, float, float]]:
    """Value, low and high of every estimate in a JSON document."""
    if isinstance(content, dict):
        if content.keys() >= {"value", "low", "high", "confidence"}:
            yield content["value"], content["low"], content["high"]
        for item in content.values():
            yield from estimates(item)
    elif isinstance(content, list):
        for item in content:
            yield from estimates(item)


def numbers(content: Any) -> Iterator[float]:
    """Every number of a JSON document."""
    if isinstance(content, dict | list):
        for item in content.values() if isinstance(content, dict) else content:
            yield from numbers(item)
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield content


def test_a_component_has_the_quality_of_its_own_parts() -> None:
    """Beside a modelled part the run is mixed, but the energy of a sensor is measured."""
    node = cpu_node()
    parts = tuple(
        msgspec.structs.replace(part, state="modelled", low_w=5.0, high_w=13.0)
        if part.component == "cpu.dram"
        else part
        for part in node.boundary.parts
    )
    boundary = msgspec.structs.replace(node.boundary, parts=parts)
    mixed = msgspec.structs.replace(node, quality="mixed", boundary=boundary)
    rows = parsed(Document(title="a node", results=(mixed,), version="0.1.0"))
    qualities = {(row["quantity"], row["of"]): row["quality"] for row in rows}
    assert qualities["energy", ""] == "mixed"
    assert qualities["component_energy", "cpu.package"] == "measured"
    assert qualities["component_energy", "cpu.dram"] == "estimated"


@pytest.mark.parametrize("sample", SAMPLES)
def test_holds_every_estimate_of_the_json_and_no_other_number(sample: str) -> None:
    """The numbers are those of `json`, digit by digit: none is lost, none is made, none is
    rounded. Counts of repeats and cells are the only numbers that JSON spells as lists.
    """
    document = SAMPLES[sample]()
    rows = parsed(document)
    content = json.loads(Json().render(document))
    triples = {tuple(float(row[name]) for name in NUMBERS[:3]) for row in rows if row["value"]}
    assert set(estimates(content)) <= triples
    known = set(numbers(content))
    for row in rows:
        if row["quantity"] not in ("repeats", "claim_cells_agree", "claim_cells_tested"):
            assert {float(row[name]) for name in NUMBERS if row[name]} <= known, row


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)  # the first document of a process takes longer
@given(st.tuples(FINITE, FINITE, FINITE).map(sorted))
def test_a_number_survives_the_way_through_csv(triple: list[float]) -> None:
    """repr() and back: the same double, however large, small or long, and the one of `json`."""
    low, value, high = triple
    run = msgspec.structs.replace(
        cpu_node(), energy_j=Estimate(value=value, low=low, high=high, confidence=0.95)
    )
    document = Document(title="t", results=(run,))
    row = next(row for row in parsed(document) if row["quantity"] == "energy")
    found = json.loads(Json().render(document))["energy_j"]
    for name, number in (("value", value), ("low", low), ("high", high)):
        assert float(row[name]) == number == found[name]
        assert math.copysign(1, float(row[name])) == math.copysign(1, number)


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_number_stands_without_its_interval(sample: str) -> None:
    """A value has low and high around it; without width it is marked exact; nothing else is."""
    for row in parsed(SAMPLES[sample]()):
        if row["value"]:
            assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
            assert (row["low"] == row["high"]) == (row["kind"] == "exact")
        assert (row["kind"] == "interval") == (row["confidence"] != "")
        assert (row["kind"] in ("missing", "judgement")) == (row["low"] == row["high"] == "")


def test_not_measured_is_an_empty_cell() -> None:
    """Energies of a run that lost its sensor are empty, never 0."""
    rows = [row for row in parsed(SAMPLES["partial"]()) if row["quantity"] == "energy"]
    assert [(row["value"], row["low"], row["high"], row["kind"]) for row in rows] == [
        ("", "", "", "missing")
    ]


def test_an_estimated_side_gives_no_energy_ratio() -> None:
    """Such a ratio is time x assumed power, as in every other format."""
    rows = parsed(SAMPLES["estimated"]())
    quantities = {row["quantity"] for row in rows if row["kind_of_result"] == "comparison"}
    assert "time_x_assumed_power" in quantities
    assert "energy_ratio" not in quantities


def test_lines_end_as_in_rfc_4180() -> None:
    """CR LF after every line, and no byte order mark."""
    content = Csv().render(SAMPLES["comparison"]())
    assert content.endswith(b"\r\n")
    assert content.count(b"\n") == content.count(b"\r\n")
    assert content.startswith(b"kind_of_result,")


@pytest.mark.parametrize("label", LABELS.values(), ids=list(LABELS))
@pytest.mark.parametrize("sample", ["comparison", "study", "claims"])
def test_foreign_text_stays_in_its_cell(sample: str, label: str) -> None:
    """The same rows with the same numbers; the text is on one line, and starts no formula."""
    rows, plain = parsed(labelled(sample, label)), parsed(SAMPLES[sample]())
    assert [[row[name] for name in NUMBERS] for row in rows] == [
        [row[name] for name in NUMBERS] for row in plain
    ]
    line = " ".join(label.split())
    start = f"'{line}" if line.startswith(("=", "-")) else line
    assert all(row["label"].startswith(start) for row in rows)
    for name in set(COLUMNS) - set(NUMBERS):
        assert not any(row[name].startswith(("=", "+", "-", "@")) for row in rows)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＠"])
def test_a_formula_gets_an_apostrophe(start: str) -> None:
    """The cells that OWASP names, and the wide forms that a spreadsheet also obeys."""
    assert text_cell(f"{start}1") == f"'{start}1"
    assert text_cell(f"a{start}1") == f"a{start}1"
