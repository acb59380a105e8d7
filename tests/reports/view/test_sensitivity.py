"""A tornado on a linear axis, break-evens and fleet questions in words; verdicts of figures that
nothing tests.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from energybench.cli import sensitivity_text
from energybench.model import BreakEven, Document, Estimate, Input, Line, Sensitivity, Swing
from energybench_reports.csv_report import Csv
from energybench_reports.html import Html
from energybench_reports.view.layout import Section, Table
from energybench_reports.view.projection import sections
from energybench_reports.view.sensitivity import section
from tests.reports.sample_published import claims_2023
from tests.reports.test_csv import parsed


def tables() -> dict[str, Table]:
    return {table.title: table for table in section([("T", claims_2023())]).tables}


def test_a_tornado_stands_on_a_linear_axis() -> None:
    """Marks from end to end, the value at the high end of the input; the line is the answer."""
    table = tables()["T: energy saved a month"]
    assert table.axis is not None
    first, second = table.marks
    assert first is not None
    assert second is not None
    per_mwh = (first.high - first.low) / (731 - 480)
    assert (second.high - second.low) / (604 - 569) == pytest.approx(per_mwh, rel=1e-2)
    assert first.value == first.high
    assert second.value == second.low
    assert (table.axis.reference - first.low) / per_mwh == pytest.approx(588 - 480, rel=1e-2)
    labels = [float(tick.label.replace("−", "-")) for tick in table.axis.ticks]
    assert len({round(b - a, 9) for a, b in pairwise(labels)}) == 1
    assert 2 <= len(labels) <= 8
    assert all(0 <= tick.at <= 100 for tick in table.axis.ticks)


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [(-5e6, 4e6, 0.0), (1e-9, 3e-9, 2e-9), (7.0, 7.0, 7.0), (0.0, 0.0, 0.0), (-3.0, -1.0, -2.0)],
)
def test_any_span_has_an_axis(low: float, high: float, answer: float) -> None:
    """Negative, tiny and empty spans too."""
    swing = Swing(
        answer="saved_mwh_per_month",
        input="x",
        stated=(1.0, 2.0),
        at_low=low,
        at_high=high,
        unit="MWh",
    )
    projection = msgspec.structs.replace(
        claims_2023(),
        saved_mwh_per_month=Estimate(value=answer, low=answer, high=answer),
        sensitivity=Sensitivity(swings=(swing,), break_evens=()),
    )
    (table,) = section([("T", projection)]).tables
    assert table.axis is not None
    assert 1 <= len(table.axis.ticks) <= 12
    (mark,) = table.marks
    assert mark is not None
    assert 0 <= mark.low <= mark.value <= mark.high <= 100


def test_break_evens_in_words() -> None:
    rows = [[cell.line for cell in row] for row in tables()["T: break-even"].rows]
    assert rows[0][2] == (
        "2.40 (the saving jumps over 0 there, for nodes are whole; the first of 3)"
    )
    assert rows[1][2] == "no solution in the range"
    assert rows[1][3:] == ["0.1 USD/kWh", "0.00100 to 10.0 USD/kWh"]


def test_questions_have_their_quantities_in_columns() -> None:
    table = tables()["T: the candidate's fleet"]
    assert table.head == ("fixed", "candidate nodes", "energy saved a month")
    assert [row[0].text for row in table.rows] == ["nodes", "budget"]
    assert [cell.text for cell in table.rows[1][1:]] == ["–", "–"]


def test_a_measured_interval_is_no_stated_range() -> None:
    stated, measured = (row[2].line for row in tables()["T: energy saved a month"].rows)
    assert stated == "560 to 784 W (stated range)"
    assert measured.replace("\u202f", " ") == "1 400 to 1 780 W (95 % interval, measured)"


def test_without_a_sensitivity_there_is_no_section() -> None:
    projection = msgspec.structs.replace(claims_2023(), sensitivity=None)
    found = {section.key: section for section in sections([projection])}
    assert found["sensitivity"].tables == ()


def claims(found: tuple[Section, ...]) -> dict[str, tuple[str, str]]:
    (table,) = next(section for section in found if section.key == "claims").tables
    return {row[0].text: (row[3].text, row[3].tone) for row in table.rows}


def test_a_figure_that_nothing_tests_has_a_word_of_its_own() -> None:
    verdicts = claims(sections([claims_2023()]))
    assert verdicts["energy saved a month"] == ("fixes GPU nodes, no evidence", "warn")
    assert verdicts["money saved a month"] == ("consistent with it", "good")


def test_the_page_has_the_tornado() -> None:
    page = Html().render(Document(title="T", results=(claims_2023(),), created_utc="", version=""))
    text = page.decode()
    assert "Sensitivity" in text
    assert "fixes GPU nodes, no evidence" in text


def test_rows_of_the_table() -> None:
    """Means, implied lines, applications of unknowns and tensions are rows of the table."""
    projection = claims_2023()
    assert projection.solution is not None
    open_unknown = msgspec.structs.replace(projection.solution.unknowns[1], of="DeepCAM")
    solution = msgspec.structs.replace(
        projection.solution, unknowns=(projection.solution.unknowns[0], open_unknown)
    )
    projection = msgspec.structs.replace(projection, solution=solution)
    document = Document(title="T", results=(projection,), created_utc="", version="")
    assert Csv().render(document)
    rows = [(row["quantity"], row["of"], row["variant"], row) for row in parsed(document)]

    def one(quantity: str, of: str, variant: str = "") -> dict[str, str]:
        (row,) = [row for *key, row in rows if key == [quantity, of, variant]]
        return row

    assert one("unknown_plausible", "nodes", "DeepCAM")["high"] == "1792.0"
    assert one("unknown_solution", "nodes", "DeepCAM")["kind"] == "missing"
    assert one("unknown_needed", "power_gpu_w of DeepCAM", "DeepCAM's ratio")["high"] == "686.0"
    implied = one("implied", "nodes_cpu")
    assert (implied["value"], implied["low"], implied["high"]) == ("2352.0", "1756.0", "2779.0")
    assert implied["source"] == "nodes * speedup"
    assert one("claim_derived", "homes supplied", "geometric")["verdict"] == "contradicts"
    assert one("claim_derived", "homes supplied", "arithmetic")["verdict"] == "consistent"
    assert one("claim_derived", "energy saved a month")["verdict"] == "fixes"
    power = one("input", "power_baseline_w")
    assert (power["kind"], power["low"], power["high"]) == ("range", "560.0", "784.0")
    assert (power["verdict"], power["confidence"]) == ("uniform", "")
    swing = one("swing_input", "saved_mwh_per_month", "power_candidate_w")
    assert (swing["unit"], swing["evidence"]) == ("W", "measured")


def test_a_quantity_has_one_precision() -> None:
    """A measured 11.882 [11.820, 11.945] is not 11.8 to 11.9 in the tornado, its break-even has
    the same decimals, and two ends that the decimals of the answer do not tell apart are one.
    """
    measured = Input(
        name="speedup",
        value=Estimate(value=11.882, low=11.820, high=11.945),
        unit="",
        source="s",
        label="speedup",
        evidence="measured",
    )
    line = Line(
        name="saved",
        value=Estimate(value=17.9, low=15.2, high=20.6),
        unit="t CO2e",
        formula="speedup * 1.5",
        inputs=(measured,),
    )
    swing = Swing(
        answer="saved_tco2e_per_month",
        input="speedup",
        stated=(11.820, 11.945),
        at_low=17.88,
        at_high=17.93,
        unit="t CO2e",
        label="speedup",
        interval_of="measured",
    )
    even = BreakEven(
        answer="saved_tco2e_per_month",
        input="speedup",
        unit="",
        current=11.882,
        searched=(0.1, 1000),
        value=2.56631,
        crossings=1,
    )
    projection = msgspec.structs.replace(
        claims_2023(),
        lines=(line,),
        saved_tco2e_per_month=line.value,
        sensitivity=Sensitivity(swings=(swing,), break_evens=(even,)),
    )
    tornado, places = section([("T", projection)]).tables
    assert [cell.text for cell in tornado.rows[0][1:]] == [
        "17.9 t CO2e at both ends",
        "11.820 to 11.945",
    ]
    assert [cell.text for cell in places.rows[0][2:4]] == ["2.566", "11.882"]
    rows = sensitivity_text.rows(
        projection, projection.sensitivity or Sensitivity(swings=(), break_evens=())
    )
    assert any("speedup 11.820 to 11.945" in row and "17.9 t CO2e at both" in row for row in rows)
    assert any("2.566 (now 11.882;" in row for row in rows)
